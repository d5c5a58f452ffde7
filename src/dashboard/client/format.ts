/** How the pages write numbers and times: English, whatever the browser's language, as all the text is. */

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const ONE_DECIMAL = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

/** In groups of three; from a million on three digits and a unit: `999,999`, `1.23M`. */
export function formatCount(count: number): string {
  return count < 1_000_000 ? GROUPED.format(count) : COMPACT.format(count);
}

/** For a title: every digit. */
export function formatExactly(count: number): string {
  return GROUPED.format(count);
}

/** Small ones with a decimal: one event in ten seconds is not nothing. */
export function formatRate(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? ONE_DECIMAL.format(perSecond) : formatCount(perSecond);
}

const UNITS_MS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** Two units at most: `12 ms`, `4.2 s`, `3 min 20 s`, `2 d 5 h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs <= 0) return "0 ms";
  if (durationMs < 1) return `${Math.max(1, Math.round(durationMs * 1_000))} µs`;
  if (durationMs < 999.5) return `${durationMs < 10 ? trim(durationMs) : Math.round(durationMs)} ms`;
  if (durationMs < 9_950) return `${trim(durationMs / 1_000)} s`;
  const roundedMs = Math.round(durationMs / 1_000) * 1_000;
  const index = UNITS_MS.findIndex(([, sizeMs]) => roundedMs >= sizeMs);
  const [unit, sizeMs] = UNITS_MS[index] ?? UNITS_MS[3];
  const [nextUnit, nextSizeMs] = UNITS_MS[index + 1] ?? [null, 1];
  const rest = Math.floor((roundedMs % sizeMs) / nextSizeMs);
  const whole = `${Math.floor(roundedMs / sizeMs)} ${unit}`;
  return nextUnit === null || rest === 0 ? whole : `${whole} ${rest} ${nextUnit}`;
}

function trim(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export interface ViewerTime {
  readonly nowMs: number;
  /** Left out: the browser's own. */
  readonly timeZone?: string;
}

/** A day without a time. */
const DAY = /^\d{4}-\d\d-\d\d$/;

/**
 * In the viewer's zone, as short as it can be: `14:03:12` of today, `22 Nov 14:03`, `22 Nov 2025`. A day without a time stays
 * that day: `22 Nov`.
 */
export function formatTime(utc: string, { nowMs, ...viewerZone }: ViewerTime): string {
  const time = new Date(utc);
  const isDay = DAY.test(utc);
  const zone = isDay ? { timeZone: "UTC" } : viewerZone;
  const day = new Intl.DateTimeFormat("en-GB", { ...zone, year: "numeric", month: "short", day: "numeric" });
  const now = new Date(nowMs);
  if (!isDay && day.format(time) === day.format(now)) {
    return new Intl.DateTimeFormat("en-GB", { ...zone, timeStyle: "medium" }).format(time);
  }
  const year = new Intl.DateTimeFormat("en-GB", { ...zone, year: "numeric" });
  if (year.format(time) !== year.format(now)) return day.format(time);
  const date = new Intl.DateTimeFormat("en-GB", { ...zone, month: "short", day: "numeric" }).format(time);
  if (isDay) return date;
  return `${date} ${new Intl.DateTimeFormat("en-GB", { ...zone, timeStyle: "short" }).format(time)}`;
}

/** For a title: `2026-01-31 12:00:00 UTC`; a day as it is. */
export function formatUtc(utc: string): string {
  if (DAY.test(utc)) return utc;
  return `${new Date(utc).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `1 event`, `2,000 events`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatExactly(count)} ${count === 1 ? one : many}`;
}
