import { isJsonText } from "../mask/leak/json-text.ts";
import type { MaskName } from "../pipeline/contracts.ts";
import type { Field } from "./collect-fields.ts";
import type { InferredColumn, Reading } from "./column-of.ts";
import type { ExistingColumn } from "./existing-table.ts";
import { refusedBy, tooLargeFor } from "./infer-type.ts";
import type { JudgedField } from "./judge-field.ts";
import type { JudgedInside } from "./judge-inside.ts";

/** What becomes of no column: a field, a column of the table, or both where one should have gone into the other. */
export interface LeftOut {
  readonly field: string | null;
  readonly column: string | null;
  readonly why: string;
  /** Something is wrong with it, rather than nothing to do. */
  readonly isProblem: boolean;
}

export type Outcome = { readonly column: InferredColumn } | { readonly leftOut: LeftOut };

/** How a field can go into a column. */
export interface Way {
  readonly reading: Reading;
  readonly mask: MaskName | null;
}

/** The column that a field goes into in that way, with what a reader of the file should look at. */
export function columnFor(
  { field, from, reasons, inside }: JudgedField,
  { name, notNull, isFilled, bounds }: Pick<ExistingColumn, "name" | "notNull" | "isFilled" | "bounds">,
  { reading, mask }: Way,
): InferredColumn {
  const values = mask === null ? field.values : field.values.filter((value) => value !== "");
  const isOptional = field.isOptional || values.length < field.values.length;
  const refused = refusedBy(reading, values, mask === null ? bounds : undefined);
  const tooLarge = tooLargeFor(reading.type, values);
  const isLeftToDefault = isOptional && notNull && isFilled && mask === null;
  const among = `of ${values.length} events with a value here would be refused: ${from}`;
  const notes = [
    ...inside.notes,
    ...(refused > tooLarge
      ? [`${refused - tooLarge} ${among} is no ${reading.type}${bounds === undefined ? "" : " that the column holds"}`]
      : []),
    ...(holdsJsonText(field)
      ? ["holds JSON as a text, which is stored as it is: of its fields, none can be masked or have a column"]
      : []),
    ...(reading.type === "json" && holdsRows(values)
      ? [`its elements can have rows of their own in another table: \`tables\` with \`each: ${from}\``]
      : []),
    ...(tooLarge > 0 ? [`${tooLarge} ${among} ${TOO_LARGE}`] : []),
    ...(isOptional && notNull && !isLeftToDefault
      ? ["some events have no value here, and the table's column is NOT NULL: those events would be refused"]
      : []),
    ...(mask === "ipcrypt-deterministic"
      ? ["the table's column holds only addresses: what is stored is an encrypted one, of nobody or somebody else"]
      : []),
    ...(reading.zone === undefined
      ? []
      : [`its times have no zone, and are read as ${reading.zone}: write the zone that they are of`]),
    ...(reading.cut === undefined ? [] : [bounds === undefined ? FINER : CUT]),
  ];
  return {
    name,
    from,
    ...reading,
    mask,
    nullable: isOptional && !notNull,
    ...(isLeftToDefault ? { absent: "default" } : {}),
    ...withMasks(inside),
    reasons,
    notes,
  };
}

/** Arrays of objects. */
const holdsRows = (values: Field["values"]): boolean =>
  values.length > 0 &&
  values.every((value) => Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null)) &&
  values.some((value) => Array.isArray(value) && value.length > 0);

export const withMasks = ({ masks }: JudgedInside) => (masks.length === 0 ? {} : { masks });

export const CUT =
  "what the table's column does not hold of its digits is cut off: take `cut` away to have such events refused";
const FINER = "its clock shows more than microseconds, which PostgreSQL does not hold: they are cut off";

export function leaveOut(
  field: string | null,
  real: ExistingColumn | null,
  why: string,
  isProblem = true,
): { readonly leftOut: LeftOut } {
  const isNeeded = real !== null && real.notNull && !real.isFilled;
  const consequence = isNeeded
    ? "; the column is NOT NULL without a default: no row can be stored until it is filled"
    : "";
  return { leftOut: { field, column: real?.name ?? null, why: `${why}${consequence}`, isProblem } };
}

export const TOO_LARGE =
  "holds numbers that neither 64 bits nor a double hold as they are written, so no column takes them but one of type decimal or json";

export const isAllTooLarge = ({ values }: Field): boolean =>
  values.length > 0 && Math.min(tooLargeFor("integer", values), tooLargeFor("number", values)) === values.length;

export const holdsJsonText = ({ values }: Field): boolean =>
  values.some((value) => typeof value === "string" && isJsonText(value));

export const unmaskable = ({ reasons, obstacle }: JudgedInside): string =>
  `looks personal (${[...fewOf(reasons), obstacle].join("; ")}), so that masks inside it do not do: give each field that you need a column of its own, with a path`;

const SHOWN_MAX = 3;

const fewOf = (reasons: readonly string[]): readonly string[] =>
  reasons.length <= SHOWN_MAX
    ? reasons
    : [...reasons.slice(0, SHOWN_MAX), `${reasons.length - SHOWN_MAX} more places inside`];

export const unmaskableNumber = (reasons: readonly string[]): string =>
  `looks personal (${reasons.join("; ")}), and ${TOO_LARGE}`;

export const unmaskableText = (reasons: readonly string[]): string =>
  `looks personal (${reasons.join("; ")}), and is JSON in a text, of which a mask would leave one token: have it sent as JSON, and give each field that you need a column of its own, with a path`;
