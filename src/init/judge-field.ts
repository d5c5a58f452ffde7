import { renderPath } from "../config/value-path.ts";
import { COLUMN_TYPES, type ColumnType, isArrayType } from "../pipeline/contracts.ts";
import type { Field } from "./collect-fields.ts";
import type { Reading } from "./column-of.ts";
import type { ExistingColumn } from "./existing-table.ts";
import { inferType } from "./infer-type.ts";
import { judgeInside, type JudgedInside, NOTHING_INSIDE } from "./judge-inside.ts";
import { maskedFieldOf } from "./match-columns.ts";
import { nameOf, type namesOfPeople, ofName, personalReasons } from "./personal-reasons.ts";

/** What is known of a field before its column is looked at. */
export interface JudgedField {
  readonly field: Field;
  readonly from: string;
  readonly reading: Reading;
  readonly reasons: readonly string[];
  /** Of objects and arrays. */
  readonly inside: JudgedInside;
}

type NameOfPerson = ReturnType<typeof namesOfPeople>;

/** What is stored as JSON, or as an array, is judged inside, place by place. */
const HELD_TYPES: ReadonlySet<ColumnType> = new Set(
  COLUMN_TYPES.filter((type) => type === "json" || isArrayType(type)),
);

/** Looks at a field's values, its name, the name of the table's column and what stands beside it. */
export function judge(field: Field, real: ExistingColumn | null, nameOfPerson: NameOfPerson): JudgedField {
  const from = renderPath(field.path);
  const name = nameOf(field.path);
  // An empty text is nothing where it is masked, and a text where it is not.
  const given = field.values.filter((value) => value !== "");
  const { refused: _few, ...narrow } = inferType(name, given);
  const isMixed = HELD_TYPES.has(narrow.type);
  const beside = narrow.type === "boolean" ? null : nameOfPerson(field.path);
  const around = [...(beside === null ? [] : [beside]), ...ofTable(real, ofName(name) !== null)];
  if (isMixed && given.filter(isHolder).length * 2 > given.length) return judgeHeld(field, from, narrow, around);
  const own = personalReasons({ path: field.path, values: given }, isMixed ? { type: "text" } : narrow);
  const reasons = [...own, ...around];
  const { refused: _, ...reading } =
    reasons.length === 0 ? inferType(name, field.values) : inferType(name, given, true);
  return { field, from, reading, reasons, inside: NOTHING_INSIDE };
}

export const isHolder = (value: unknown): boolean => typeof value === "object" && value !== null;

/** @param around what the field's neighbours and the table say of it */
function judgeHeld(field: Field, from: string, narrow: Reading, around: readonly string[]): JudgedField {
  const inside = judgeInside(field, around);
  const isPlain = inside.masks.length === 0 && inside.obstacle === null;
  return { field, from, reading: isPlain ? narrow : { type: "json" }, reasons: inside.reasons, inside };
}

/** What the name of the table's column adds to the field's own. */
function ofTable(real: ExistingColumn | null, hasPersonalName: boolean): readonly string[] {
  if (real === null || hasPersonalName) return [];
  if (maskedFieldOf(real.name) !== null) return ["the table's column is named as masked"];
  return ofName(real.name) === null ? [] : ["the name of the table's column looks personal"];
}
