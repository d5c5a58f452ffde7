import { personalPartOf } from "../config/looks-personal.ts";
import { countDetections, showDetections } from "../mask/leak/count-detections.ts";
import type { ColumnType } from "../pipeline/contracts.ts";
import { isObject, type Field } from "./collect-fields.ts";
import { refusedBy } from "./infer-type.ts";

/** Chance finds a card in one of ten long numbers, but not in all of several. */
const NUMBERS_MIN = 3;

/** Why a field looks personal: sentences without a subject, and without a value. Empty: it does not. */
export function personalReasons(field: Field, type: ColumnType): readonly string[] {
  // A yes or no identifies nobody.
  if (type === "boolean") return [];
  return [
    ofName(field.path.join(".")),
    type === "ip" ? "holds IP addresses" : null,
    ofValues(field, type) ?? ofStrayValues(field, type),
    ofInnerNames(field),
    ofDataKeys(field),
  ].filter((reason) => reason !== null);
}

export function ofName(name: string): string | null {
  const part = personalPartOf(name);
  return part === null ? null : `its name looks personal (${part})`;
}

/** As the leak guard will look at them: in a value of another type a hit would be chance, unless all are hit. */
function ofValues({ values }: Field, type: ColumnType): string | null {
  if (type !== "text" && type !== "json" && type !== "integer") return null;
  const found = countDetections(
    type,
    values.map((value) => (typeof value === "string" && type !== "json" ? value : jsonOf(value))),
  );
  const hits = [...found.counts.values()].reduce((sum, count) => sum + count, 0);
  const isChance = type === "integer" && (hits < found.values || hits < NUMBERS_MIN);
  return hits === 0 || isChance ? null : showDetections(found);
}

/** A number that is kept as it is written comes as a text: it has the same digits. */
const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));

/** Values that are not of the type of the others: a wider column of the table may take them, whatever they are. */
function ofStrayValues({ values }: Field, type: ColumnType): string | null {
  const strays = values.filter((value) => refusedBy(type, [value]) > 0);
  const { counts } = countDetections("json", strays.map(jsonOf));
  return counts.size === 0 ? null : showDetections({ values: values.length, counts });
}

function ofInnerNames({ path, values }: Field): string | null {
  const parts = new Set<string>();
  for (const value of values) collectParts(value, path.join("."), parts);
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

const ofDataKeys = ({ hasDataKeys }: Field): string | null =>
  hasDataKeys ? "has keys that differ from event to event and may be personal themselves" : null;
