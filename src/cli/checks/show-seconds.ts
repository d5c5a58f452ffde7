import { counted } from "../output.ts";

const UNITS = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
] as const;

/** In the largest unit that divides it: `4 days`, `90 seconds`. */
export function showSeconds(seconds: number): string {
  const [size, unit] = UNITS.find(([length]) => seconds >= length && seconds % length === 0) ?? [1, "second"];
  return counted(seconds / size, unit);
}
