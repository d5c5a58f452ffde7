import { wordsOf } from "../config/looks-personal.ts";
import { toUtcText } from "../decode/times.ts";
import type { TimeFormat } from "../pipeline/contracts.ts";
import type { Reading } from "./column-of.ts";

/** Readings for which a name must speak: a number alone is neither money nor a time. */

const MONEY_WORDS: ReadonlySet<string> = new Set(
  (
    "amount amounts price prices cost costs total totals subtotal tax taxes vat net gross fee fees balance discount refund " +
    "refunded revenue tip paid payout salary wage credit debit money usd eur gbp chf jpy"
  ).split(" "),
);
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

/** Whether the name is one of money and some value has a fraction: amounts in cents are whole numbers. */
export function isMoney(name: string, values: readonly unknown[]): boolean {
  const hasFraction = values.some((value) =>
    typeof value === "string" ? DECIMAL.test(value) && value.includes(".") : !Number.isInteger(value),
  );
  return hasFraction && wordsOf(name).some((word) => MONEY_WORDS.has(word));
}

const TIME_WORDS: ReadonlySet<string> = new Set(
  (
    "at on ts tstamp time timestamp datetime date created updated modified deleted sent received started ended expires exp iat " +
    "start end last seen when"
  ).split(" "),
);

const UNITS: ReadonlyArray<readonly [format: TimeFormat, perSecond: number]> = [
  ["epoch-s", 1],
  ["epoch-ms", 1_000],
  ["epoch-us", 1_000_000],
];
/** The years 2000 to 2100: seconds of those are no milliseconds of them. */
const FIRST_S = 946_684_800;
const END_S = 4_102_444_800;

const DIGITS = /^\d{9,16}$/;
/** Without a zone, with a blank or a T. */
const WALL_TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?$/;

/** The readings as times that the values may have beyond RFC 3339: as what counts since 1970, or as SQL writes them. */
export function timeReadings(name: string, values: readonly unknown[]): readonly Reading[] {
  if (values.some((value) => typeof value === "string" && WALL_TIME.test(value))) {
    const isTime = values.every((value) => typeof value === "string" && isTimeText(value));
    return isTime ? [{ type: "timestamp", format: "sql", zone: "UTC" }] : [];
  }
  if (!wordsOf(name).some((word) => TIME_WORDS.has(word))) return [];
  const isText = values.every((value) => typeof value === "string" && DIGITS.test(value));
  if (!isText && !values.every((value) => typeof value === "number")) return [];
  const unit = UNITS.find(([, perSecond]) =>
    values.every((value) => Number(value) >= FIRST_S * perSecond && Number(value) < END_S * perSecond),
  );
  if (unit === undefined) return [];
  return [
    {
      type: "timestamp",
      format: unit[0],
      ...(isText ? { coerce: true as const } : {}),
      // A clock's double has more digits than its microseconds: they say nothing.
      ...(hasMoreThanMicroseconds(values, unit[1]) ? { cut: true as const } : {}),
    },
  ];
}

const isTimeText = (text: string): boolean => WALL_TIME.test(text) || typeof toUtcText(text) === "string";

/** By the digits that the number is written with: a product of doubles would have some of its own. */
function hasMoreThanMicroseconds(values: readonly unknown[], perSecond: number): boolean {
  const decimalsMax = 6 - Math.log10(perSecond);
  return values.some((value) => (String(value).split(".")[1] ?? "").length > decimalsMax);
}
