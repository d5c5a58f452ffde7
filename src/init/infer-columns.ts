import { renderPath } from "../config/value-path.ts";
import { isJsonText } from "../mask/leak/json-text.ts";
import type { ColumnType, MaskName } from "../pipeline/contracts.ts";
import type { CollectedFields, Field } from "./collect-fields.ts";
import { newName } from "./column-name.ts";
import type { InferredColumn } from "./column-of.ts";
import { columnOf } from "./column-of.ts";
import { type EventId, findEventId } from "./event-id.ts";
import type { ExistingColumn, ExistingTable } from "./existing-table.ts";
import { showFittingMasks } from "./fitting-masks.ts";
import { inferType, refusedBy, tooLargeFor } from "./infer-type.ts";
import { isLossy } from "./is-lossy.ts";
import { maskedFieldOf, matchColumns } from "./match-columns.ts";
import { ofName, personalReasons } from "./personal-reasons.ts";
import { timeColumns } from "./time-columns.ts";

/** What becomes of no column: a field, a column of the table, or both where one should have gone into the other. */
export interface LeftOut {
  readonly field: string | null;
  readonly column: string | null;
  readonly why: string;
  /** Something is wrong with it, rather than nothing to do. */
  readonly isProblem: boolean;
}

export interface Inference {
  readonly columns: readonly InferredColumn[];
  readonly leftOut: readonly LeftOut[];
  /** What could recognise an event that is sent again; null: no field looks like it. */
  readonly eventId: EventId | null;
}

type Outcome = { readonly column: InferredColumn } | { readonly leftOut: LeftOut };

/** What is known of a field before its column is looked at. */
interface Judged {
  readonly field: Field;
  readonly from: string;
  readonly type: ColumnType;
  readonly reasons: readonly string[];
}

/**
 * The columns that the fields of events suggest. With a table: its columns in their order, each with the field that its name
 * tells; without: one for each field. What looks personal is masked, or left out where that is not possible.
 */
export function inferColumns({ fields, oddKeys }: CollectedFields, table: ExistingTable | null): Inference {
  const outcomes = table === null ? forNewTable(fields) : forTable(fields, table);
  const columns = outcomes.flatMap((outcome) => ("column" in outcome ? [outcome.column] : []));
  const leftOut = outcomes.flatMap((outcome) => ("leftOut" in outcome ? [outcome.leftOut] : []));
  return {
    columns,
    leftOut: oddKeys === 0 ? leftOut : [...leftOut, oddFields(oddKeys)],
    eventId: findEventId(fields),
  };
}

function forNewTable(fields: readonly Field[]): readonly Outcome[] {
  const names = new Set<string>();
  return fields.map((field) => {
    const judged = judge(field, null);
    const { from, type, reasons } = judged;
    if (field.values.length === 0) return leaveOut(from, null, "was null in every event, so its type is not known");
    if (isAllTooLarge(field) && reasons.length > 0) return leaveOut(from, null, unmaskableNumber(reasons));
    if (type === "json" && reasons.length > 0) return leaveOut(from, null, unmaskable(reasons));
    if (reasons.length > 0 && holdsJsonText(field)) return leaveOut(from, null, unmaskableText(reasons));
    const name = newName(from, names);
    const mask = reasons.length > 0 ? "hmac-sha256" : null;
    return { column: columnFor(judged, { name, notNull: false }, type, mask) };
  });
}

function forTable(fields: readonly Field[], table: ExistingTable): readonly Outcome[] {
  const matches = matchColumns(
    fields.map(({ path }) => renderPath(path)),
    table.columns,
  );
  const byColumn = new Map(
    fields.flatMap((field) => {
      const real = matches.get(renderPath(field.path));
      return real === undefined ? [] : [[real, field] as const];
    }),
  );
  const times = timeColumns(table.columns.filter((real) => !byColumn.has(real)));
  const ofColumns = table.columns.flatMap((real): readonly Outcome[] => {
    const field = byColumn.get(real);
    if (field !== undefined) return [into(judge(field, real), real)];
    const time = times.get(real);
    return time === undefined ? unfilled(real) : [sentInto(time, real)];
  });
  const unmatched = fields
    .map(({ path }) => renderPath(path))
    .filter((from) => !matches.has(from))
    .map((from) => leaveOut(from, null, "fits no column of the table by its name, and is not stored", false));
  return [...ofColumns, ...unmatched];
}

function judge(field: Field, real: ExistingColumn | null): Judged {
  const from = renderPath(field.path);
  // An empty text is nothing where it is masked, and a text where it is not.
  const given = field.values.filter((value) => value !== "");
  const narrow = inferType(from, given);
  const own = personalReasons({ ...field, values: given }, narrow.type);
  const reasons = [...own, ...ofTable(real, ofName(from) !== null)];
  if (reasons.length === 0) return { field, from, type: inferType(from, field.values).type, reasons };
  return { field, from, type: inferType(from, given, true).type, reasons };
}

/** What the name of the table's column adds to the field's own. */
function ofTable(real: ExistingColumn | null, hasPersonalName: boolean): readonly string[] {
  if (real === null || hasPersonalName) return [];
  if (maskedFieldOf(real.name) !== null) return ["the table's column is named as masked"];
  return ofName(real.name) === null ? [] : ["the name of the table's column looks personal"];
}

const TOO_LARGE =
  "holds numbers that neither 64 bits nor a double hold as they are written, so no column takes them but one of type decimal or json";

const isAllTooLarge = ({ values }: Field): boolean =>
  values.length > 0 && Math.min(tooLargeFor("integer", values), tooLargeFor("number", values)) === values.length;

/** Puts a field into its column of the table, or says why not. */
function into(judged: Judged, real: ExistingColumn): Outcome {
  const { field, from, type, reasons } = judged;
  if (isAllTooLarge(field) && reasons.length > 0) return leaveOut(from, real, unmaskableNumber(reasons));
  if (reasons.length > 0 && type === "json") return leaveOut(from, real, unmaskable(reasons));
  if (reasons.length > 0 && holdsJsonText(field)) return leaveOut(from, real, unmaskableText(reasons));
  const ways =
    reasons.length > 0
      ? maskedWays(type, field)
      : plainWays(type, field, real).map((plain) => ({ type: plain, mask: null }));
  const misfits = ways.map((way) => real.misfitOf(columnOf({ name: real.name, from, nullable: false, ...way })));
  const way = ways[misfits.indexOf(null)];
  if (way?.mask === null && real.dropsBlanks && field.values.some(endsWithBlank)) return leaveOut(from, real, BLANKS);
  if (way !== undefined) return { column: columnFor(judged, real, way.type, way.mask) };
  if (isAllTooLarge(field)) return leaveOut(from, real, TOO_LARGE);
  const misfit = misfits[0] ?? "no type takes all its values";
  if (reasons.length === 0) return leaveOut(from, real, `does not fit: ${misfit}${whatWouldFit(field, real)}`);
  return leaveOut(
    from,
    real,
    `looks personal (${reasons.join("; ")}) and so must be masked, but ${misfit}; ${showFittingMasks(real, type, field)}`,
  );
}

const endsWithBlank = (value: unknown): boolean => typeof value === "string" && value.endsWith(" ");

const BLANKS = "does not fit: its texts end with blanks, and a char(n) column does not keep those";

/** A type that takes all values and keeps a part of each: for the reader of the file to choose. */
function whatWouldFit({ values }: Field, real: ExistingColumn): string {
  const type = LOSSY_TYPES.find(
    (candidate) =>
      refusedBy(candidate, values) === 0 &&
      real.misfitOf(columnOf({ name: real.name, from: "", type: candidate, mask: null, nullable: false })) === null,
  );
  return type === undefined ? "" : `; \`type: ${type}\` would fit, and ${LOSSES[type]}`;
}

const LOSSES = {
  timestamp: "cut every time to microseconds",
  date: "keep the day alone, without the time of day",
  version: "take `1.02` and `1.2` for the same version",
} as const;
const LOSSY_TYPES = ["timestamp", "date", "version"] as const;

/** The time of sending, where the column keeps it whole. */
function sentInto(time: InferredColumn, real: ExistingColumn): Outcome {
  const misfit = real.misfitOf(columnOf(time));
  return misfit === null ? { column: time } : leaveOut(null, real, `could get the time of sending, but ${misfit}`);
}

interface Way {
  readonly type: ColumnType;
  readonly mask: MaskName;
}

/** An address can stay one where the column takes nothing else. */
function maskedWays(type: ColumnType, field: Field): readonly Way[] {
  const asText: readonly Way[] = takesAll("text", field) ? [{ type: "text", mask: "hmac-sha256" }] : [];
  const asAddress: readonly Way[] = type === "ip" ? [{ type, mask: "ipcrypt-deterministic" }] : [];
  return [{ type, mask: "hmac-sha256" }, ...asText, ...asAddress];
}

/** A text column takes texts as they are, whatever they look like today. */
function plainWays(type: ColumnType, field: Field, real: ExistingColumn): readonly ColumnType[] {
  const wider: readonly ColumnType[] = ["number", "integer", "boolean", "uuid", "timestamp", "date", "json"];
  const wanted = real.isText ? (["text", type, ...wider] as const) : ([type, ...wider, "text"] as const);
  return [...new Set(wanted)].filter((candidate) => candidate === type || takesAll(candidate, field));
}

/** Takes them, and keeps them whole. */
const takesAll = (type: ColumnType, { values }: Field): boolean =>
  refusedBy(type, values) === 0 && !values.some((value) => isLossy(type, value));

function columnFor(
  { field, from, reasons }: Judged,
  { name, notNull }: Pick<ExistingColumn, "name" | "notNull">,
  type: ColumnType,
  mask: MaskName | null,
): InferredColumn {
  const values = mask === null ? field.values : field.values.filter((value) => value !== "");
  const isOptional = field.isOptional || values.length < field.values.length;
  const refused = refusedBy(type, values);
  const notes: string[] = [];
  const tooLarge = tooLargeFor(type, values);
  const among = `of ${values.length} events with a value here would be refused: ${from}`;
  if (refused > tooLarge) notes.push(`${refused - tooLarge} ${among} is no ${type}`);
  if (holdsJsonText(field)) {
    notes.push("holds JSON as a text, which is stored as it is: of its fields, none can be masked or have a column");
  }
  if (tooLarge > 0) notes.push(`${tooLarge} ${among} ${TOO_LARGE}`);
  if (isOptional && notNull) {
    notes.push("some events have no value here, and the table's column is NOT NULL: those events would be refused");
  }
  if (mask === "ipcrypt-deterministic") {
    notes.push(
      "the table's column holds only addresses: what is stored is an encrypted one, of nobody or somebody else",
    );
  }
  return { name, from, type, mask, nullable: isOptional && !notNull, reasons, notes };
}

function unfilled(real: ExistingColumn): readonly Outcome[] {
  const { name, notNull, isFilled, isGenerated } = real;
  if (isGenerated) return [];
  if (isFilled) {
    const why = "is left to its default: no field fits by its name";
    return [{ leftOut: { field: null, column: name, why, isProblem: false } }];
  }
  const why = notNull
    ? "is NOT NULL without a default, and no field fits: every event would be refused until you give it a `from` or a default"
    : "stays NULL: no field fits by its name";
  return [{ leftOut: { field: null, column: name, why, isProblem: notNull } }];
}

const unmaskable = (reasons: readonly string[]): string =>
  `looks personal (${reasons.join("; ")}), and json cannot be masked: give each field that you need a column of its own, with a path`;

const unmaskableNumber = (reasons: readonly string[]): string =>
  `looks personal (${reasons.join("; ")}), and ${TOO_LARGE}`;

const unmaskableText = (reasons: readonly string[]): string =>
  `looks personal (${reasons.join("; ")}), and is JSON in a text, of which a mask would leave one token: have it sent as JSON, and give each field that you need a column of its own, with a path`;

const holdsJsonText = ({ values }: Field): boolean =>
  values.some((value) => typeof value === "string" && isJsonText(value));

function leaveOut(field: string | null, real: ExistingColumn | null, why: string, isProblem = true): Outcome {
  const isNeeded = real !== null && real.notNull && !real.isFilled;
  const consequence = isNeeded
    ? "; the column is NOT NULL without a default: no row can be stored until it is filled"
    : "";
  return { leftOut: { field, column: real?.name ?? null, why: `${why}${consequence}`, isProblem } };
}

function oddFields(count: number): LeftOut {
  const why = `${count} ${count === 1 ? "field has a name" : "fields have names"} that may be data, and so are neither shown nor stored`;
  return { field: null, column: null, why, isProblem: true };
}
