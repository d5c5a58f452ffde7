const MS_PER_DAY = 86_400_000;

let lastDay = Number.NaN;
let lastText = "";

/** The UTC day as `YYYY-MM-DD`, which sorts as text. */
export function utcDay(timeMs: number): string {
  // Formatting costs half of what encoding a row does, and most calls in a row ask for the same day.
  const day = Math.floor(timeMs / MS_PER_DAY);
  if (day !== lastDay) {
    lastText = new Date(timeMs).toISOString().slice(0, 10);
    lastDay = day;
  }
  return lastText;
}
