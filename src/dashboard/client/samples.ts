import type { Sample } from "../api.ts";

/** What the charts show. */
export const WINDOW_MS = 15 * 60_000;
/** Samples come each second: a longer silence is a gap in the line, as nobody knows what was. */
const GAP_MS = 5_000;

export type Pick = (sample: Sample) => number | null;

/** Those of the window that ends with the new one. One that is not newer than the last is dropped. */
export function appendSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last !== undefined && sample.atMs <= last.atMs) return samples;
  const startMs = sample.atMs - WINDOW_MS;
  return [...samples.filter(({ atMs }) => atMs >= startMs), sample];
}

/** As a chart takes it: seconds since 1970, then the values of each line. null: not known. */
export function toColumns(
  samples: readonly Sample[],
  picks: readonly Pick[],
): readonly [number[], ...Array<Array<number | null>>] {
  const times: number[] = [];
  const lines: Array<Array<number | null>> = picks.map(() => []);
  let lastMs: number | null = null;
  for (const sample of samples) {
    if (lastMs !== null && sample.atMs - lastMs > GAP_MS) {
      times.push((lastMs + 1_000) / 1_000);
      for (const line of lines) line.push(null);
    }
    times.push(sample.atMs / 1_000);
    for (const [index, pick] of picks.entries()) lines[index]?.push(pick(sample));
    lastMs = sample.atMs;
  }
  return [times, ...lines];
}

export interface Summary {
  readonly mean: number;
  readonly highest: number;
}

/** null: nothing is known. */
export function summarize(samples: readonly Sample[], pick: Pick): Summary | null {
  const values = samples.map(pick).filter((value) => value !== null);
  if (values.length === 0) return null;
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    highest: values.reduce((highest, value) => Math.max(highest, value), 0),
  };
}

/** The last known value: a quiet second tells nothing of how long a write takes. */
export function latest(samples: readonly Sample[], pick: Pick): number | null {
  return samples.map(pick).findLast((value) => value !== null) ?? null;
}
