import { personalPartOf, singularOf, wordsOf } from "../config/looks-personal.ts";
import { countDetections, showDetections } from "../mask/leak/count-detections.ts";
import type { ColumnType, InnerStep, PathStep } from "../pipeline/contracts.ts";
import { isObject } from "./collect-fields.ts";
import type { Reading } from "./column-of.ts";
import { refusedBy } from "./infer-type.ts";

/** A place with the single values that were found there. */
export interface Judged {
  readonly path: readonly (PathStep | InnerStep)[];
  readonly values: readonly unknown[];
}

/** Chance finds a card in one of ten long numbers, but not in all of several. */
const NUMBERS_MIN = 3;

/** A name for what a path leads to: the places in arrays say nothing. */
export const nameOf = (path: Judged["path"]): string => path.filter((step) => typeof step === "string").join(".");

const OF_TYPES: Readonly<Partial<Record<ColumnType, string>>> = {
  ip: "holds IP addresses",
  phone: "holds phone numbers",
  mac: "holds addresses of devices",
};

/** Why a place looks personal: sentences without a subject, and without a value. Empty: it does not. */
export function personalReasons(judged: Judged, reading: Reading): readonly string[] {
  const { type } = reading;
  // A yes or no identifies nobody, but something among them may.
  if (type === "boolean") return [ofStrayValues(judged, reading)].filter((reason) => reason !== null);
  return [
    ofName(nameOf(judged.path)),
    OF_TYPES[type] ?? null,
    ofValues(judged, type) ?? ofStrayValues(judged, reading),
    ofInnerNames(judged),
  ].filter((reason) => reason !== null);
}

export function ofName(name: string): string | null {
  const part = personalPartOf(name);
  return part === null ? null : `its name looks personal (${part})`;
}

/** As the leak guard will look at them: in a value of another type a hit would be chance, unless all are hit. */
function ofValues({ values }: Judged, type: ColumnType): string | null {
  if (type !== "text" && type !== "integer") return null;
  const found = countDetections(
    type,
    values.map((value) => (typeof value === "string" ? value : jsonOf(value))),
  );
  const hits = [...found.counts.values()].reduce((sum, count) => sum + count, 0);
  const isChance = type === "integer" && (hits < found.values || hits < NUMBERS_MIN);
  return hits === 0 || isChance ? null : showDetections(found);
}

/** A number that is kept as it is written comes as a text: it has the same digits. */
const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));

/** Values that are not of the type of the others: a wider column of the table may take them, whatever they are. */
function ofStrayValues({ values }: Judged, reading: Reading): string | null {
  const strays = values.filter((value) => refusedBy(reading, [value]) > 0);
  const { counts } = countDetections("json", strays.map(jsonOf));
  return counts.size === 0 ? null : showDetections({ values: values.length, counts });
}

/** Of an object among single values. */
function ofInnerNames({ path, values }: Judged): string | null {
  const parts = new Set<string>();
  for (const value of values) collectParts(value, nameOf(path), parts);
  return parts.size === 0 ? null : `has inner fields whose names look personal (${[...parts].join(", ")})`;
}

/** Recursion is safe: the depth was bounded before parsing. */
function collectParts(value: unknown, name: string, parts: Set<string>): void {
  if (Array.isArray(value)) for (const item of value as readonly unknown[]) collectParts(item, name, parts);
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const part = personalPartOf(`${name}.${key}`);
    if (part !== null) parts.add(part);
    collectParts(inner, `${name}.${key}`, parts);
  }
}

/** What people are reached or told by: what has one of them is somebody. */
const CONTACT_WORDS: ReadonlySet<string> = new Set(
  "email mail phone telephone tel mobile msisdn address birth birthday birthdate dob surname".split(" "),
);

const NAMES: ReadonlySet<string> = new Set(["name", "names"]);

/**
 * Tells whether a place is somebody's name by what stands beside it: `billing_details.name` beside an email address, and
 * `name` where nothing is known of anybody.
 * @param paths of all places, as steps or as inner steps
 */
export function namesOfPeople(paths: readonly Judged["path"][]): (path: Judged["path"]) => string | null {
  const people = new Set<string>();
  for (const path of paths) {
    for (const [at, step] of path.entries()) {
      const words = typeof step === "string" ? wordsOf(step) : [];
      if (words.some((word) => CONTACT_WORDS.has(singularOf(word))) && personalPartOf(words.join("_")) !== null) {
        people.add(JSON.stringify(path.slice(0, at)));
      }
    }
  }
  return (path) => {
    const at = path.findLastIndex((step) => step !== null);
    return NAMES.has(String(path[at]).toLowerCase()) && people.has(JSON.stringify(path.slice(0, at)))
      ? "is a name beside what somebody is reached by"
      : null;
  };
}

const PLACE_WORDS: ReadonlySet<string> = new Set(
  "position pos location loc coordinate coordinates coords latlng latlon lnglat point".split(" "),
);

/** Whether arrays are places on the earth: two or three numbers with fractions, under a name that says so. */
export function areCoordinates({ path, values }: Judged): boolean {
  const last = wordsOf(nameOf(path)).at(-1) ?? "";
  return PLACE_WORDS.has(last) && values.length > 0 && values.every(isCoordinate);
}

function isCoordinate(value: unknown): boolean {
  if (!Array.isArray(value) || value.length < 2 || value.length > 3) return false;
  const numbers = value as readonly unknown[];
  const isInRange = numbers.every(
    (number) => typeof number === "number" && (numbers[2] === number || Math.abs(number) <= 180),
  );
  return isInRange && numbers.some((number) => !Number.isInteger(number));
}
