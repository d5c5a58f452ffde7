/**
 * Exponential backoff with full jitter: a random delay between zero and a ceiling that doubles with each attempt.
 * Full jitter spreads workers that failed together better than a fixed or partly fixed delay.
 */
export function backoffMs(attempt: number, baseMs: number, capMs: number, random: number): number {
  return Math.round(random * Math.min(capMs, baseMs * 2 ** (attempt - 1)));
}
