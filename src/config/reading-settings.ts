import * as z from "zod";
import { type ColumnType, type MaskName, TIME_FORMATS, type TimeFormat, scalarTypeOf } from "../pipeline/contracts.ts";
import { oneOrMore } from "./schema-parts.ts";

const ZONE = "the name of a zone, such as Europe/Berlin or UTC";
const REGION = "the two capital letters of a country, such as DE or US";

/** Offsets, which some versions of Node take as well, have no rules. */
function isZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** What a constant of the configuration may be. */
export const CONSTANT = "a text, a number, true or false";
const FORMAT = `one of ${TIME_FORMATS.join(", ")}, or a list of some`;

/** How a column's value is read, beyond what its type says, and what is stored where there is none. */
export const READING_SETTINGS = {
  coerce: z
    .boolean("true or false")
    .default(false)
    .describe(
      'Whether a text is taken for the number or boolean that it is (`"5"`, `"true"`), and in a text column these for their JSON text. Nothing is guessed: `"5 €"` and `"yes"` are refused.',
    ),
  format: oneOrMore(z.enum(TIME_FORMATS, FORMAT), FORMAT)
    .optional()
    .describe(
      "How a timestamp or date is written, or a list of the ways: `rfc3339`; seconds, milliseconds or microseconds since 1970 (`epoch-s`, `epoch-ms`, `epoch-us`); `sql`, such as `2026-03-01 10:00:00.5`. Default: rfc3339.",
    ),
  zone: z
    .string(ZONE)
    .refine(isZone, ZONE)
    .optional()
    .describe(
      "With `format: sql` of a timestamp, and then needed: the zone of times that are written without one, such as Europe/Berlin. A time that the clock shows twice is the later one, as PostgreSQL reads it.",
    ),
  cut: z
    .boolean("true or false")
    .default(false)
    .describe(
      "Whether digits that the table's column does not hold are cut off: decimals of a second, or of a number. Otherwise an event with such digits, unless they are zeros, is refused.",
    ),
  default: z
    .union([z.string(CONSTANT), z.number(CONSTANT), z.boolean(CONSTANT)], CONSTANT)
    .optional()
    .describe("What a missing or null value becomes. Default: the event is refused."),
  absent: z
    .literal("default", "default")
    .optional()
    .describe(
      "`default`: a missing or null value becomes the table's own DEFAULT, evaluated for each row. An identity's needs USAGE on its sequence.",
    ),
  region: z
    .string(REGION)
    .regex(/^[A-Z]{2}$/, REGION)
    .optional()
    .describe(
      "Of a phone: the country whose national forms are taken as well, as two letters. Default: only international ones.",
    ),
  strip: z
    .literal("port", "port")
    .optional()
    .describe("Of an ip: `port` takes `1.2.3.4:443` and `[::1]:443` for the address."),
  take: z
    .literal("first", "first")
    .optional()
    .describe("Of an ip: `first` takes the first address of a list with commas, as X-Forwarded-For has it."),
  otherwise: z
    .null("null")
    .optional()
    .describe(
      "Of an ip: `null` stores NULL for a text that is no address, such as `unknown`. Goes with `nullable: true`.",
    ),
};

/** What the rules on them look at. */
export interface ReadingSettings {
  readonly type?: ColumnType;
  readonly mask?: MaskName | undefined;
  readonly nullable?: boolean | undefined;
  readonly from?: string | readonly string[] | undefined;
  readonly value?: unknown;
  readonly coerce?: boolean | undefined;
  readonly format?: TimeFormat | readonly TimeFormat[] | undefined;
  readonly zone?: string | undefined;
  readonly cut?: boolean | undefined;
  readonly default?: unknown;
  readonly absent?: "default" | undefined;
  readonly region?: string | undefined;
  readonly strip?: string | undefined;
  readonly take?: string | undefined;
  readonly otherwise?: null | undefined;
}

/** The types whose values each setting changes the reading of. For arrays, the type of the elements counts. */
const SUITED_TYPES = {
  coerce: ["text", "integer", "number", "boolean", "timestamp", "date"],
  format: ["timestamp", "date"],
  zone: ["timestamp"],
  cut: ["timestamp", "number", "decimal"],
  region: ["phone"],
  strip: ["ip"],
  take: ["ip"],
  otherwise: ["ip"],
} as const satisfies Readonly<Record<string, readonly ColumnType[]>>;

const QUEUE_TIMES: ReadonlySet<string | undefined> = new Set(["@sent_at", "@received_at"]);

/** What gives a value where the event has none, or needs none: each is one of its own. */
const FILLING_SETTINGS = ["default", "absent", "value"] as const;

/** Settings of reading that do not go together, with what would be right. The other settings may be wrong themselves. */
export function* readingProblems(settings: ReadingSettings): Generator<readonly [keyof ReadingSettings, string]> {
  const { format, zone, mask, nullable } = settings;
  const type = typeof settings.type === "string" ? settings.type : undefined;
  const element = type === undefined ? undefined : scalarTypeOf(type);
  for (const [key, types] of Object.entries(SUITED_TYPES) as [keyof typeof SUITED_TYPES, readonly ColumnType[]][]) {
    const isSet = settings[key] !== undefined && settings[key] !== false;
    if (isSet && element !== undefined && !types.includes(element)) {
      yield [key, `goes with type ${types.join(", ")} only; remove it`];
    }
  }
  const formats = typeof format === "string" ? [format] : Array.isArray(format) ? (format as readonly unknown[]) : [];
  if (formats.filter((name) => String(name).startsWith("epoch-")).length > 1) {
    yield ["format", "has several epochs, which nothing tells apart; it must have one of them at most"];
  }
  if (formats.includes("sql") && zone === undefined && type === "timestamp") {
    yield ["format", "is sql, whose times have no zone; add one, such as zone: Europe/Berlin or zone: UTC"];
  }
  if (formats.length > 0 && [settings.from].flat().some((from) => QUEUE_TIMES.has(from))) {
    yield ["format", "is of what an event holds, and the queue's times have their own; remove it"];
  }
  if (formats.includes("sql") && element !== type) {
    yield ["format", "is sql, which goes with single values only; remove it"];
  }
  if (zone !== undefined && !formats.includes("sql")) yield ["zone", "goes with format: sql only; remove it"];
  if (settings.otherwise === null && nullable !== true) {
    yield ["otherwise", "is null, and the column takes none; add nullable: true"];
  }
  const filling = FILLING_SETTINGS.filter((key) => settings[key] !== undefined);
  const [first, second] = filling;
  if (second !== undefined) yield [second, `goes without ${first}; remove one of them`];
  if (first !== undefined && nullable === true) yield [first, "fills in for null; remove nullable"];
  if (first !== undefined && mask !== undefined)
    yield [first, "goes without a mask; remove it, or let nullable: true store NULL"];
  if (settings.value !== undefined && settings.from !== undefined)
    yield ["value", "goes without from; remove one of them"];
  const isSingle = type !== undefined && type !== "json" && element === type;
  for (const key of ["default", "value"] as const) {
    if (settings[key] !== undefined && type !== undefined && !isSingle)
      yield [key, "goes with types of single values only; remove it"];
  }
}
