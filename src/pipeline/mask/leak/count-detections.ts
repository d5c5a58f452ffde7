import type { ColumnType, DetectorName } from "../../contracts.ts";
import { detect, detectInJson } from "./detect.ts";

export interface Detections {
  /** Values looked at. */
  readonly values: number;
  /** Values in which something was detected, by what; the most frequent first. */
  readonly counts: ReadonlyMap<DetectorName, number>;
}

/** Looks at a sample of values of one column, and keeps nothing of them but counts. */
export function countDetections(type: ColumnType, texts: Iterable<string>): Detections {
  const look = type === "json" ? detectInJson : detect;
  const counts = new Map<DetectorName, number>();
  let values = 0;
  for (const text of texts) {
    values += 1;
    const detector = look(text);
    if (detector !== null) counts.set(detector, (counts.get(detector) ?? 0) + 1);
  }
  return { values, counts: new Map([...counts].sort(([, a], [, b]) => b - a)) };
}
