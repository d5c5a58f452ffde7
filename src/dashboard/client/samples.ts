import type { Sample } from "../api.ts";

const MINUTE_MS = 60_000;
/** What the charts show at most. */
export const WINDOW_MS = 15 * MINUTE_MS;
/** Samples come each second: a longer silence is a gap in the line, as nobody knows what was. */
const GAP_MS = 5_000;

export type Pick = (sample: Sample) => number | null;

/** Those of the window that ends with the new one. Of a clock that was set back, what is yet to come goes. */
export function appendSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const startMs = sample.atMs - WINDOW_MS;
  return [...samples.filter(({ atMs }) => atMs >= startMs && atMs < sample.atMs), sample];
}

/** How far back the charts reach: whole minutes, so that they move seldom, and no more than there is something of. */
export function spanMsOf(fromMs: number, toMs: number): number {
  const knownMs = Math.ceil((toMs - fromMs) / MINUTE_MS) * MINUTE_MS;
  return Math.min(Math.max(knownMs, MINUTE_MS), WINDOW_MS);
}

/** `last minute`, `last 15 minutes`. */
export function describeSpan(samples: readonly Sample[]): string {
  const [fromMs = 0, toMs = 0] = [samples[0]?.atMs, samples.at(-1)?.atMs];
  const minutes = spanMsOf(fromMs, toMs) / MINUTE_MS;
  return minutes === 1 ? "last minute" : `last ${minutes} minutes`;
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

/** Where a value stands with nothing known before and after it: no line leads there. */
export function loneIndexes(values: readonly (number | null | undefined)[]): number[] {
  const isKnown = (index: number): boolean => typeof values[index] === "number";
  return [...values.keys()].filter((index) => isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1));
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
