/** Medians with their spread: a busy moment of the machine must not decide. */

/** @typedef {{ median: number, min: number, max: number }} Spread */

/**
 * @param {readonly (number | null)[]} values null: not measured
 * @returns {Spread | null} null: there was nothing to measure with
 */
export function spreadOf(values) {
  const sorted = values.flatMap((value) => value ?? []).toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  return min === undefined || max === undefined ? null : { median: quantile(sorted, 0.5), min, max };
}

/**
 * Between the two nearest values.
 * @param {readonly number[]} sorted at least one
 * @param {number} share 0 to 1
 */
export function quantile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * @param {Spread | null} part
 * @param {Spread | null} whole
 * @returns {number | null}
 */
export function ratio(part, whole) {
  return part === null || whole === null ? null : part.median / whole.median;
}
