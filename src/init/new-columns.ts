import type { Field } from "./collect-fields.ts";
import {
  columnFor,
  holdsJsonText,
  isAllTooLarge,
  leaveOut,
  type LeftOut,
  type Outcome,
  unmaskable,
  unmaskableNumber,
  unmaskableText,
  type Way,
} from "./column-for.ts";
import { newNames } from "./column-name.ts";
import { judge, type JudgedField } from "./judge-field.ts";
import { namesOfPeople } from "./personal-reasons.ts";

/**
 * A column for each of the fields, or why there is none.
 * @param taken names of columns that are there already
 * @param around all fields of the events, the given ones among them
 */
export function forNewTable(
  fields: readonly Field[],
  taken: ReadonlySet<string> = new Set(),
  around: readonly Field[] = fields,
): readonly Outcome[] {
  const nameOfPerson = namesOfPeople(around.map(({ path }) => path));
  const outcomes = fields.map((field) => forNewColumn(judge(field, null, nameOfPerson)));
  const kept = outcomes.flatMap((outcome) => ("leftOut" in outcome ? [] : [outcome.judged.field]));
  const names = newNames(
    kept.map(({ path }) => path),
    taken,
  );
  return outcomes.map((outcome) => {
    if ("leftOut" in outcome) return outcome;
    const { judged, ...way } = outcome;
    const name = names[kept.indexOf(judged.field)] ?? "";
    return { column: columnFor(judged, { ...NEW, name }, way) };
  });
}

const NEW = { notNull: false, isFilled: false, bounds: undefined };

interface NewColumn extends Way {
  readonly judged: JudgedField;
}

function forNewColumn(judged: JudgedField): NewColumn | { readonly leftOut: LeftOut } {
  const { field, from, reading, reasons, inside } = judged;
  if (field.values.length === 0) return leaveOut(from, null, "was null in every event, so its type is not known");
  if (field.values.every(isEmpty)) return leaveOut(from, null, "was empty in every event, so its type is not known");
  if (isAllTooLarge(field) && reasons.length > 0) return leaveOut(from, null, unmaskableNumber(reasons));
  if (inside.obstacle !== null) return leaveOut(from, null, unmaskable(inside));
  if (reasons.length > 0 && holdsJsonText(field)) return leaveOut(from, null, unmaskableText(reasons));
  const isMaskedWhole = reasons.length > 0 && inside.masks.length === 0;
  return { judged, reading, mask: isMaskedWhole ? "hmac-sha256" : null };
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;
