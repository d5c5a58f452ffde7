const UNITS = [
  [86_400_000, "d", 3_600_000, "h"],
  [3_600_000, "h", 60_000, "min"],
  [60_000, "min", 1_000, "s"],
] as const;

/** A duration for people, with two figures that matter: `0.4 ms`, `23 ms`, `4.2 s`, `3 min 20 s`, `2 d 4 h`. */
export function showMs(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${Math.round(ms / (ms < 9_950 ? 100 : 1_000)) / (ms < 9_950 ? 10 : 1)} s`;
  const [size, unit, small, smallUnit] = UNITS.find(([length]) => ms >= length - 500) ?? UNITS[2];
  const wholes = Math.floor((ms + small / 2) / small);
  const perUnit = size / small;
  const rest = wholes % perUnit;
  return `${Math.floor(wholes / perUnit)} ${unit}${rest === 0 ? "" : ` ${rest} ${smallUnit}`}`;
}
