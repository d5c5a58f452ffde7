import { renderPath } from "../config/value-path.ts";
import { COLUMN_TYPES, type ColumnType, isArrayType } from "../pipeline/contracts.ts";
import type { Field } from "./collect-fields.ts";
import {
  columnFor,
  CUT,
  holdsJsonText,
  isAllTooLarge,
  leaveOut,
  type Outcome,
  TOO_LARGE,
  unmaskable,
  unmaskableText,
  type Way,
  withMasks,
} from "./column-for.ts";
import { columnOf, type InferredColumn, type Reading } from "./column-of.ts";
import type { ExistingColumn, ExistingTable } from "./existing-table.ts";
import { showFittingMasks } from "./fitting-masks.ts";
import { refusedBy } from "./infer-type.ts";
import { isLossy } from "./is-lossy.ts";
import { isHolder, judge, type JudgedField } from "./judge-field.ts";
import { matchColumns } from "./match-columns.ts";
import { nameOf, namesOfPeople } from "./personal-reasons.ts";
import { timeReadings } from "./readings-by-name.ts";
import { timeColumns } from "./time-columns.ts";

/**
 * The columns of the table in their order, each with its field; then the fields that have none.
 * @param around all fields of the events, the given ones among them
 */
export function forTable(
  fields: readonly Field[],
  table: ExistingTable,
  around: readonly Field[] = fields,
): readonly Outcome[] {
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
  const nameOfPerson = namesOfPeople(around.map(({ path }) => path));
  const times = timeColumns(table.columns.filter((real) => !byColumn.has(real)));
  const ofColumns = table.columns.flatMap((real): readonly Outcome[] => {
    const field = byColumn.get(real);
    if (field !== undefined) return [into(judge(field, real, nameOfPerson), real)];
    const time = times.get(real);
    return time === undefined ? unfilled(real) : [sentInto(time, real)];
  });
  const unmatched = fields
    .map(({ path }) => renderPath(path))
    .filter((from) => !matches.has(from))
    .map((from) => leaveOut(from, null, "fits no column of the table by its name, and is not stored", false));
  return [...ofColumns, ...unmatched];
}

/** Puts a field into its column of the table, or says why not. */
function into(judged: JudgedField, real: ExistingColumn): Outcome {
  const { field, from, reading, reasons, inside } = judged;
  if (inside.obstacle !== null) return leaveOut(from, real, unmaskable(inside));
  if (reasons.length > 0 && holdsJsonText(field)) return leaveOut(from, real, unmaskableText(reasons));
  const isMaskedWhole = reasons.length > 0 && inside.masks.length === 0;
  const ways: readonly Way[] = isMaskedWhole
    ? maskedWays(reading, field)
    : inside.masks.length > 0
      ? [{ reading, mask: null }]
      : plainWays(reading, field, real).map((plain) => ({ reading: plain, mask: null }));
  const misfits = ways.map(({ reading: given, mask }) =>
    real.misfitOf(columnOf({ name: real.name, from, nullable: false, mask, ...given, ...withMasks(inside) })),
  );
  const way = fewestRefused(
    ways.filter((_, index) => misfits[index] === null),
    field,
    real,
  );
  if (way?.mask === null && real.dropsBlanks && field.values.some(endsWithBlank)) return leaveOut(from, real, BLANKS);
  if (way !== undefined) return { column: columnFor(judged, real, way) };
  if (isAllTooLarge(field)) return leaveOut(from, real, TOO_LARGE);
  const misfit = misfits[0] ?? "no type takes all its values";
  if (reasons.length === 0) return leaveOut(from, real, `does not fit: ${misfit}${whatWouldFit(field, real)}`);
  return leaveOut(
    from,
    real,
    `looks personal (${reasons.join("; ")}) and so must be masked, but ${misfit}; ${isMaskedWhole ? showFittingMasks(real, reading.type, field) : ONLY_INSIDE}`,
  );
}

/** The first of the ways by which the column itself refuses the fewest of the values: its length and digits count. */
function fewestRefused(ways: readonly Way[], { values }: Field, real: ExistingColumn): Way | undefined {
  if (ways.length < 2) return ways[0];
  const refused = ways.map(({ reading, mask }) => refusedBy(reading, values, mask === null ? real.bounds : undefined));
  return ways[refused.indexOf(Math.min(...refused))];
}

const ONLY_INSIDE = "arrays and objects are masked inside, for which the column must be of type jsonb";

const endsWithBlank = (value: unknown): boolean => typeof value === "string" && value.endsWith(" ");

const BLANKS = "does not fit: its texts end with blanks, and a char(n) column does not keep those";

/** A type that takes all values and keeps a part of each: for the reader of the file to choose. */
function whatWouldFit({ values }: Field, real: ExistingColumn): string {
  const type = LOSSY_TYPES.find(
    (candidate) =>
      refusedBy({ type: candidate }, values) === 0 &&
      real.misfitOf(columnOf({ name: real.name, from: "", type: candidate, mask: null, nullable: false })) === null,
  );
  return type === undefined ? "" : `; \`type: ${type}\` would fit, and ${LOSSES[type]}`;
}

const LOSSES = {
  date: "keep the day alone, without the time of day",
  version: "take `1.02` and `1.2` for the same version",
} as const;
const LOSSY_TYPES = ["date", "version"] as const;

/** The time of sending, cut where the column keeps no milliseconds. */
function sentInto(time: InferredColumn, real: ExistingColumn): Outcome {
  const cut: InferredColumn = { ...time, cut: true, notes: [...time.notes, CUT] };
  const fitting = [time, ...(time.type === "timestamp" ? [cut] : [])].find(
    (each) => real.misfitOf(columnOf(each)) === null,
  );
  if (fitting !== undefined) return { column: fitting };
  return leaveOut(null, real, `could get the time of sending, but ${real.misfitOf(columnOf(time))}`);
}

/** An address can stay one where the column takes nothing else. */
function maskedWays(reading: Reading, field: Field): readonly Way[] {
  const asText: readonly Way[] = takesAll({ type: "text" }, field)
    ? [{ reading: { type: "text" }, mask: "hmac-sha256" }]
    : [];
  const asAddress: readonly Way[] = reading.type === "ip" ? [{ reading, mask: "ipcrypt-deterministic" }] : [];
  return [{ reading, mask: "hmac-sha256" }, ...asText, ...asAddress];
}

/** From what keeps a value as it is to what takes it in another form, and last to what cuts digits on purpose. */
const WIDER: readonly Reading[] = [
  { type: "number" },
  { type: "integer" },
  { type: "decimal" },
  { type: "boolean" },
  { type: "uuid" },
  { type: "timestamp" },
  { type: "date" },
  { type: "mac" },
  { type: "json" },
  ...COLUMN_TYPES.filter(isArrayType).map((type) => ({ type })),
  { type: "integer", coerce: true },
  { type: "number", coerce: true },
  { type: "boolean", coerce: true },
  { type: "text", coerce: true },
];
const CUTTING: readonly Reading[] = [
  { type: "timestamp", cut: true },
  { type: "decimal", cut: true },
];

/** A text column takes texts as they are, whatever they look like today. */
function plainWays(own: Reading, field: Field, real: ExistingColumn): readonly Reading[] {
  const text: Reading = { type: "text" };
  const byName = timeReadings(nameOf(field.path), field.values);
  const cut = [own, ...byName].flatMap((reading) =>
    reading.type === "timestamp" ? [{ ...reading, cut: true as const }] : [],
  );
  const wanted = real.isText
    ? [text, own, ...WIDER]
    : [
        own,
        ...byName,
        ...WIDER,
        ...(own.type === "text" || real.bounds?.labels !== undefined ? [] : [text]),
        ...cut,
        ...CUTTING,
      ];
  return wanted.filter((candidate) => {
    if (candidate === own) return true;
    // As JSON, a text has quotes: that is for a column that holds nothing else.
    if (candidate.type === "json" && !real.isJson && !field.values.some(isHolder)) return false;
    // Digits alone may be any number, but a column for these says what they are.
    if (!real.isText && OF_DIGITS.has(candidate.type)) return refusedBy(candidate, field.values) === 0;
    return takesAll(candidate, field);
  });
}

const OF_DIGITS: ReadonlySet<ColumnType> = new Set(["uuid", "mac"]);

/** Takes them, and keeps them whole but for what it says that it cuts. */
const takesAll = (reading: Reading, { values }: Field): boolean =>
  refusedBy(reading, values) === 0 && (reading.cut === true || !values.some((value) => isLossy(reading.type, value)));

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
