import type { PipelineConfig } from "../../src/config/pipeline-config.ts";
import type { PostgresPool } from "../../src/postgres/connection.ts";
import { query } from "./postgres.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { storeValues } from "./store-values.ts";

/** A value of an event. */
interface Sample {
  /** As the body has it. */
  readonly json: string;
  /** As PostgreSQL is given it. */
  readonly source: string;
  /** PostgreSQL would change it without a word, in a column of any size. */
  readonly isLossy?: boolean;
}

/** A column of the configuration beside one of a table, and what PostgreSQL itself makes of the text. */
export interface Reading {
  readonly what: string;
  readonly settings: Omit<NonNullable<PipelineConfig["columns"]>[string], "from">;
  /** The table's column. */
  readonly sqlType: string;
  /** PostgreSQL's own reading of `source`, before it goes into the column. */
  readonly own: string;
  /** The type of that. */
  readonly ownType: string;
  readonly sampleOf: (random: SeededRandom) => Sample;
}

const quoted = (text: string): Sample => ({ json: JSON.stringify(text), source: text });
const bare = (text: string): Sample => ({ json: text, source: text });

const digits = (random: SeededRandom, count: number): string =>
  Array.from({ length: count }, () => random.below(10)).join("");
const padded = (value: number, chars = 2): string => String(value).padStart(chars, "0");

/** As JSON writes a number, of any kind. */
function numberText(random: SeededRandom, wholeMax: number, decimalsMax: number): string {
  const whole = random.chance(0.2) ? "0" : `${1 + random.below(9)}${digits(random, random.below(wholeMax))}`;
  const decimals = random.chance(0.5) ? "" : `.${digits(random, 1 + random.below(decimalsMax))}`;
  const exponent = random.chance(0.8) ? "" : `${random.pick(["e", "E", "e+"])}${random.below(4)}`;
  return `${random.chance(0.3) ? "-" : ""}${whole}${decimals}${exponent}`;
}

function integerText(random: SeededRandom): string {
  const near = random.pick([0n, 2n ** 31n, 2n ** 53n, 2n ** 63n]);
  const text = random.chance(0.5)
    ? String(near + BigInt(random.below(5)) - 2n)
    : `${1 + random.below(9)}${digits(random, random.below(19))}`;
  const tail = random.chance(0.9) ? "" : random.pick([".0", "e0", ".00e1"]);
  return `${random.chance(0.4) && text !== "0" && !text.startsWith("-") ? "-" : ""}${text}${tail}`;
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function dateText(random: SeededRandom, firstYear = 1, lastYear = 9_998): string {
  const month = random.below(12);
  const year = firstYear + random.below(lastYear - firstYear + 1);
  return `${padded(year, 4)}-${padded(month + 1)}-${padded(1 + random.below(DAYS[month] ?? 28))}`;
}

const clockText = (random: SeededRandom): string =>
  `${padded(random.below(24))}:${padded(random.below(60))}:${padded(random.below(60))}`;

/** With zeros at its end in half of the cases, so that less is lost than it seems. */
function decimalsText(random: SeededRandom, most: number): string {
  if (random.chance(0.3)) return "";
  const kept = digits(random, random.below(most) + 1);
  return `.${random.chance(0.5) ? kept : `${kept.slice(0, random.below(kept.length))}${"0".repeat(1 + random.below(3))}`}`;
}

const isBeyondMicroseconds = (decimals: string): boolean => /^\.\d{6}\d*[1-9]/.test(decimals);

function timeSample(random: SeededRandom): Sample {
  const decimals = decimalsText(random, 9);
  const zone = random.chance(0.5)
    ? random.pick(["Z", "z"])
    : `${random.pick(["+", "-"])}${padded(random.below(15))}${random.pick([":", ""])}${random.pick(["00", "30", "45"])}`;
  const text = `${dateText(random, 2)}${random.pick(["T", " ", "t"])}${clockText(random)}${decimals}${zone}`;
  return { ...quoted(text), isLossy: isBeyondMicroseconds(decimals) };
}

/** Seconds of the years 1900 to 2099, at any scale. */
function epochSample(random: SeededRandom, unitDecimals: number): Sample {
  const seconds = random.below(4_102_444_800 + 2_208_988_800) - 2_208_988_800;
  const micros = digits(random, 6);
  const all = `${Math.abs(seconds)}${micros.slice(0, unitDecimals)}`.replace(/^0+(?=\d)/, "");
  const rest = `${micros.slice(unitDecimals)}${random.chance(0.1) ? digits(random, 3) : ""}`;
  const decimals = rest === "" || random.chance(0.4) ? "" : `.${rest}`;
  const text = `${seconds < 0 ? "-" : ""}${all}${decimals}`;
  const isLossy = /[1-9]/.test(decimals.slice(1 + 6 - unitDecimals));
  return { ...(random.chance(0.5) ? bare(text) : quoted(text)), isLossy };
}

/** To the microsecond, without a double: of these, whole seconds are exact in one. */
const epoch = (perSecond: string): string =>
  `to_timestamp(floor(source::numeric / ${perSecond})::float8) + (mod(mod(source::numeric, ${perSecond}) + ${perSecond}, ${perSecond}) * 1000000 / ${perSecond})::float8 * interval '1 microsecond'`;

const ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"] as const;

/** Often near the hours at which clocks change. */
function wallSample(random: SeededRandom): Sample {
  const decimals = decimalsText(random, 6);
  const year = 1975 + random.below(60);
  const change = random.pick([
    "03-08",
    "03-12",
    "03-14",
    "03-25",
    "03-29",
    "03-31",
    "04-05",
    "10-05",
    "10-25",
    "10-31",
    "11-01",
    "11-05",
  ]);
  const day = random.chance(0.6) ? `${year}-${change}` : dateText(random, 1975, 2034);
  const hour = random.chance(0.6) ? `0${random.below(4)}` : padded(random.below(24));
  return quoted(
    `${day}${random.pick([" ", "T"])}${hour}:${padded(random.below(60))}:${padded(random.below(60))}${decimals}`,
  );
}

const hex = (random: SeededRandom, count: number): string => {
  const text = Array.from({ length: count }, () => random.below(16).toString(16)).join("");
  return random.chance(0.5) ? text : text.toUpperCase();
};

function uuidText(random: SeededRandom): string {
  const hyphen = random.pick(["-", ""]);
  const text = [8, 4, 4, 4, 12].map((count) => hex(random, count)).join(hyphen);
  return random.chance(0.7) ? text : `{${text}}`;
}

function macText(random: SeededRandom): string {
  const [size, separator] = random.pick([
    [2, ":"],
    [2, "-"],
    [4, "."],
    [4, "-"],
    [6, ":"],
    [6, "-"],
    [12, ""],
  ] as const);
  return (hex(random, 12).match(new RegExp(`.{${size}}`, "g")) ?? []).join(separator);
}

const INTERVALS = ["days", "hours", "minutes", "seconds", "mons", "years", "milliseconds"];

const intervalText = (random: SeededRandom): string =>
  random.chance(0.02)
    ? random.pick(["soon", "", "1 parsec"])
    : `${random.below(50)}${random.chance(0.5) ? "" : `.${random.below(1_000)}`} ${random.pick(INTERVALS)}`;

const clockSample = (random: SeededRandom): Sample =>
  quoted(random.chance(0.02) ? "25:00:99" : `${clockText(random)}${decimalsText(random, 6)}`);

const timestamps = ["timestamptz", "timestamptz(3)", "timestamptz(0)"].map((sqlType): Reading => ({
  what: `a timestamp in ${sqlType}`,
  settings: { type: "timestamp" },
  sqlType,
  own: "source::timestamptz",
  ownType: "timestamptz",
  sampleOf: timeSample,
}));

const walls = ZONES.map((zone): Reading => ({
  what: `a time on a clock in ${zone}`,
  settings: { type: "timestamp", format: "sql", zone },
  sqlType: "timestamptz",
  own: `source::timestamp AT TIME ZONE '${zone}'`,
  ownType: "timestamptz",
  sampleOf: wallSample,
}));

const epochs = [
  ["epoch-s", "1", 0],
  ["epoch-ms", "1000", 3],
  ["epoch-us", "1000000", 6],
] as const;

/** What PostgreSQL reads itself: the type that the texts are, and how they come about. */
const fromText: ReadonlyArray<readonly [sqlType: string, ownType: string, (random: SeededRandom) => string]> = [
  ["interval", "interval", intervalText],
  ["interval(0)", "interval", intervalText],
  ["mood", "mood", (random) => random.pick(["sad", "ok", "happy", "SAD", "", "bored"])],
  ["brief", "interval", (random) => `${random.below(20) + (random.chance(0.02) ? 1 : 0)} hours`],
  [
    "bit(4)",
    "varbit",
    (random) => digits(random, random.chance(0.98) ? 4 : 5).replaceAll(/\d/g, (digit) => String(Number(digit) % 2)),
  ],
  ["macaddr", "macaddr", macText],
  ["int4range", "int4range", (random) => `[${random.below(9)},${random.chance(0.98) ? 9 : 0})`],
  ["cidr", "cidr", (random) => `10.${random.below(256)}.0.0/${random.chance(0.98) ? random.pick(["16", "24"]) : "8"}`],
];

/** Each type and format, beside columns as tables have them. */
export const READINGS: readonly Reading[] = [
  ...["numeric", "numeric(12,4)", "numeric(6,0)"].map((sqlType): Reading => ({
    what: `a decimal in ${sqlType}`,
    settings: { type: "decimal" },
    sqlType,
    own: "source::numeric",
    ownType: "numeric",
    sampleOf: (random) => {
      const text = numberText(random, 22, 14);
      return random.chance(0.5) ? bare(text) : quoted(text);
    },
  })),
  {
    what: "an integer in bigint",
    settings: { type: "integer", coerce: true },
    sqlType: "bigint",
    own: "source::numeric",
    ownType: "numeric",
    sampleOf: (random) => {
      const text = integerText(random);
      return random.chance(0.5) ? bare(text) : quoted(text);
    },
  },
  {
    what: "a number in double precision",
    settings: { type: "number", coerce: true },
    sqlType: "double precision",
    own: "source::float8",
    ownType: "float8",
    sampleOf: (random) => {
      const text = numberText(random, 10, 14);
      return random.chance(0.5) ? bare(text) : quoted(text);
    },
  },
  ...timestamps,
  {
    what: "a timestamp in timestamp(0) without a zone",
    settings: { type: "timestamp" },
    sqlType: "timestamp(0)",
    own: "source::timestamptz AT TIME ZONE 'UTC'",
    ownType: "timestamp",
    sampleOf: timeSample,
  },
  ...epochs.map(([format, perSecond, unitDecimals]): Reading => ({
    what: `a time as ${format}`,
    settings: { type: "timestamp", format, coerce: true },
    sqlType: "timestamptz",
    own: epoch(perSecond),
    ownType: "timestamptz",
    sampleOf: (random) => epochSample(random, unitDecimals),
  })),
  ...walls,
  {
    what: "a date",
    settings: { type: "date", format: ["rfc3339", "sql"] },
    sqlType: "date",
    own: "CASE WHEN source ~ ':' THEN source::timestamp::date ELSE source::date END",
    ownType: "date",
    sampleOf: (random) => {
      const day = dateText(random);
      return quoted(random.chance(0.5) ? day : `${day} ${clockText(random)}`);
    },
  },
  {
    what: "a UUID",
    settings: { type: "uuid" },
    sqlType: "uuid",
    own: "source::uuid",
    ownType: "uuid",
    sampleOf: (random) => quoted(uuidText(random)),
  },
  {
    what: "a MAC address",
    settings: { type: "mac" },
    sqlType: "macaddr",
    own: "source::macaddr",
    ownType: "macaddr",
    sampleOf: (random) => quoted(macText(random)),
  },
  {
    what: "an address",
    settings: { type: "ip" },
    sqlType: "inet",
    own: "source::inet",
    ownType: "inet",
    sampleOf: (random) =>
      quoted(
        random.chance(0.5)
          ? Array.from({ length: 4 }, () => random.below(256)).join(".")
          : Array.from({ length: 8 }, () => hex(random, 1 + random.below(4))).join(":"),
      ),
  },
  {
    what: "a boolean",
    settings: { type: "boolean", coerce: true },
    sqlType: "boolean",
    own: "source::boolean",
    ownType: "boolean",
    sampleOf: (random) => random.pick([bare("true"), bare("false"), quoted("true"), quoted("false")]),
  },
  ...["time", "time(3)"].map((sqlType): Reading => ({
    what: `a text in ${sqlType}`,
    settings: { type: "text" },
    sqlType,
    own: "source::time",
    ownType: "time",
    sampleOf: clockSample,
  })),
  ...fromText.map(([sqlType, ownType, textOf]): Reading => ({
    what: `a text in ${sqlType}`,
    settings: { type: "text" },
    sqlType,
    own: `source::${ownType}`,
    ownType,
    sampleOf: (random) => quoted(textOf(random)),
  })),
  {
    what: "an array of integers",
    settings: { type: "integer[]" },
    sqlType: "bigint[]",
    own: "ARRAY(SELECT each::numeric::bigint FROM jsonb_array_elements_text(source::jsonb) AS each)",
    ownType: "bigint[]",
    sampleOf: (random) => bare(`[${Array.from({ length: random.below(4) }, () => integerText(random)).join(",")}]`),
  },
  {
    what: "an array of texts",
    settings: { type: "text[]", nullable: true },
    sqlType: "text[]",
    own: "ARRAY(SELECT jsonb_array_elements_text(source::jsonb))",
    ownType: "text[]",
    sampleOf: (random) =>
      bare(
        JSON.stringify(
          Array.from({ length: random.below(4) }, () =>
            random.pick([null, "NULL", "", " ", '"', "\\", "{a,b}", "ä\n\t", `x${digits(random, 3)}`, "'"]),
          ),
        ),
      ),
  },
];

/** The types that the readings need. */
export const READING_TYPES = `
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN brief AS interval CHECK (VALUE < '20 hours')`;

/** What went another way than PostgreSQL's own; both are empty when all is well. */
export interface Deviations {
  /** Stored, and not as PostgreSQL reads it. */
  readonly differing: readonly string[];
  /** Refused, while PostgreSQL reads it, and the column keeps it as it is. */
  readonly refused: readonly string[];
  /** How many were stored. */
  readonly stored: number;
}

/** Stores so many values, and compares each with what PostgreSQL makes of its text. */
export async function compareReadings(
  { url, pool }: { readonly url: string; readonly pool: PostgresPool },
  { settings, sqlType, own, ownType, sampleOf }: Reading,
  random: SeededRandom,
  count: number,
): Promise<Deviations> {
  await query(
    url,
    `DROP TABLE IF EXISTS "values"; CREATE TABLE "values" (source text NOT NULL, v ${sqlType});
     DROP FUNCTION IF EXISTS own_reading(text); CREATE FUNCTION own_reading(source text) RETURNS ${ownType} LANGUAGE plpgsql AS
       $$ BEGIN RETURN ${own}; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$;
     DROP FUNCTION IF EXISTS keeps_reading(text); CREATE FUNCTION keeps_reading(source text) RETURNS boolean LANGUAGE plpgsql AS
       $$ DECLARE own ${ownType} := own_reading(source); v ${sqlType};
       BEGIN v := own; RETURN v = own; EXCEPTION WHEN OTHERS THEN RETURN false; END $$`,
  );
  const samples = Array.from({ length: count }, () => sampleOf(random));
  const outcomes = await storeValues(
    pool,
    "values",
    { source: { type: "text", piiDetection: "off" }, v: settings },
    samples.map(({ json, source }) => `{"source":${JSON.stringify(source)},"v":${json}}`),
  );
  const refused = samples.filter((_, index) => outcomes[index] !== "stored");
  const wrongly = await query<{ source: string }>(
    url,
    "SELECT source FROM unnest($1::text[]) AS source WHERE keeps_reading(source)",
    [refused.filter(({ isLossy }) => isLossy !== true).map(({ source }) => source)],
  );
  const differing = await query<{ source: string }>(
    url,
    'SELECT source FROM "values" WHERE v IS NULL OR NOT v = own_reading(source)',
  );
  const lost = samples.filter(({ isLossy }, index) => isLossy === true && outcomes[index] === "stored");
  return {
    differing: [...differing, ...lost].map(({ source }) => source),
    refused: wrongly.map(({ source }) => source),
    stored: count - refused.length,
  };
}
