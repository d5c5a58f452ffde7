import type { RunningCommand } from "./cli.ts";
import { ask } from "./http-ask.ts";

/** Where `run --metrics` listens, once it has said so. */
export async function metricsUrl(run: RunningCommand): Promise<string> {
  await run.printed('"type":"metrics.listening"');
  const [, url = ""] = /"type":"metrics\.listening","url":"([^"]+)"/.exec(run.stderr()) ?? [];
  return url;
}

export const readyz = async (url: string): Promise<{ status: number; body: unknown }> => {
  const { status, body } = await ask(`${url}/readyz`);
  return { status, body: JSON.parse(body) as unknown };
};

export const scrape = async (url: string): Promise<string> => (await ask(`${url}/metrics`)).body;

/** The values of a metric by what stands in the braces after its name; the empty text where there are none. */
export function valuesOf(text: string, name: string): ReadonlyMap<string, number> {
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, "gm"));
  return new Map([...lines].map(([, labels = "", value]) => [labels, Number(value)]));
}

/** Over all labels; 0 where there is none. */
export const sumOf = (text: string, name: string): number =>
  [...valuesOf(text, name).values()].reduce((sum, value) => sum + value, 0);
