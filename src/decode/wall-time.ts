const DAY_MS = 86_400_000;
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/**
 * What a clock of the zone shows → the instant, both as milliseconds since 1970. As PostgreSQL reads such a time: one that
 * the clock shows twice is the later one, and one that it skips is what it would have been without the change.
 *
 * Messages that follow one another share their day, and nearly every day has one offset: it is looked up once.
 */
export function wallTimeReader(zone: string): (wallMs: number) => number {
  // Most need no other, and the first look into the zones costs a start some 25 ms.
  if (zone === "UTC") return (wallMs) => wallMs;
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  const offsetAt = (utcMs: number): number => {
    const [, sign, hours, minutes, seconds = 0] = OFFSET.exec(format.format(utcMs)) ?? [];
    if (sign === undefined) return 0;
    const offsetMs = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
    return sign === "-" ? -offsetMs : offsetMs;
  };
  let lastDay = Number.NaN;
  let before = 0;
  let after = 0;
  return (wallMs) => {
    const day = Math.floor(wallMs / DAY_MS);
    if (day !== lastDay) {
      lastDay = day;
      // No zone is further than a day from UTC.
      before = offsetAt((day - 1) * DAY_MS);
      after = offsetAt((day + 2) * DAY_MS);
    }
    if (before === after) return wallMs - before;
    const isBefore = offsetAt(wallMs - before) === before;
    const isAfter = offsetAt(wallMs - after) === after;
    if (isAfter) return wallMs - after;
    return isBefore || after > before ? wallMs - before : wallMs - after;
  };
}
