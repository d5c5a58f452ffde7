import type { ColumnType, SuspicionKind } from "../../pipeline/contracts.ts";
import { detectInJson, detectInText } from "./json-text.ts";
import { plainJson } from "./plain-json.ts";

export interface Detections {
  /** Values looked at. */
  readonly values: number;
  /** Values in which something was detected, by what; the most frequent first. */
  readonly counts: ReadonlyMap<SuspicionKind, number>;
}

/** As the leak guard looks at new ones. */
const LOOKS: Readonly<Partial<Record<ColumnType, (text: string) => SuspicionKind | null>>> = {
  json: (json) => detectInJson(plainJson(json) ?? json),
  "text[]": detectInJson,
};

/** Looks at a sample of values of one column, and keeps nothing of them but counts. */
export function countDetections(type: ColumnType, texts: Iterable<string>): Detections {
  const look = LOOKS[type] ?? detectInText;
  const counts = new Map<SuspicionKind, number>();
  let values = 0;
  for (const text of texts) {
    values += 1;
    const detector = look(text);
    if (detector !== null) counts.set(detector, (counts.get(detector) ?? 0) + 1);
  }
  return { values, counts: new Map([...counts].sort(([, a], [, b]) => b - a)) };
}

/** `12 of 99 sampled values look personal (email 12)`. */
export function showDetections({ values, counts }: Detections): string {
  const kinds = [...counts].map(([detector, count]) => `${detector} ${count}`).join(", ");
  const hits = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return `${hits} of ${values} sampled values look personal (${kinds})`;
}
