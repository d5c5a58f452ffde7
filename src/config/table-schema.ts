import { z } from "zod";
import { CONFLICT_WAYS, type Condition, isArrayType, type MaskName, type ValuePlace } from "../pipeline/contracts.ts";
import { columnSchema } from "./column-schema.ts";
import { EACH, parseEach } from "./each-path.ts";
import { CONSTANT } from "./reading-settings.ts";
import { choice, isObject, mapping, oneOrMore, text } from "./schema-parts.ts";
import { IDENTIFIER_BYTES_MAX, isIdentifier, parseTableName } from "./table-name.ts";
import { parsePlace, placesIn } from "./value-origin.ts";

export const TABLE_NAME = `table or schema.table, each part at most ${IDENTIFIER_BYTES_MAX} bytes`;
export const isTableName = (name: string): boolean => parseTableName(name) !== null;

export const COLUMNS = "a mapping with a key for each column";

export const columnsSchema = z
  .record(
    z.string().refine(isIdentifier, `1 to ${IDENTIFIER_BYTES_MAX} bytes long, without a zero byte`),
    columnSchema,
    COLUMNS,
  )
  .superRefine((value, context) => {
    if (Object.keys(value).length === 0) {
      context.addIssue({ code: "custom", message: "has no columns; it must have one or more" });
    }
  })
  .meta({ minProperties: 1 });

export const eachSchema = z.string(EACH).superRefine((from, context) => {
  const parsed = parseEach(from);
  if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.error });
});

const ASKED = `${CONSTANT}, a list of some, or present: true or false`;
const constant = z.union([z.string(CONSTANT), z.number(CONSTANT), z.boolean(CONSTANT)], CONSTANT);

const askedSchema = z
  .union(
    [
      constant,
      z.array(constant, CONSTANT).min(1, "a list of one or more"),
      mapping("a mapping with the key present", {
        present: z
          .boolean("true or false")
          .describe("Whether there must be a value, which is neither missing nor null, or must be none."),
      }).describe("Whether the field has a value."),
    ],
    ASKED,
  )
  .describe("What the field must be: a value, one of several, or present.");

export const whenSchema = z
  .record(z.string(), askedSchema, "a mapping with a key for each field that is looked at")
  .superRefine((value, context) => {
    if (Object.keys(value).length === 0)
      context.addIssue({ code: "custom", message: "asks for nothing; name a field, or remove when" });
    for (const from of Object.keys(value)) {
      const place = parsePlace(from);
      if (!place.ok) context.addIssue({ code: "custom", path: [from], message: place.error });
    }
  });

/** What the conditions mean that the schema let pass. */
export const conditionsOf = (when: z.output<typeof whenSchema>): readonly Condition[] =>
  Object.entries(when).map(([from, asked]) => {
    const place = parsePlace(from);
    if (!place.ok) throw new Error("the schema let a malformed place pass");
    const test: Condition["test"] =
      typeof asked === "object" && "present" in asked
        ? { kind: "present", isPresent: asked.present }
        : { kind: "equals", values: [asked].flat() };
    return { place: place.value, from, test };
  });

const CONFLICT_KEY = "the name of a declared column";

export const onConflictSchema = mapping("a mapping with the keys key and do", {
  key: oneOrMore(z.string(CONFLICT_KEY).min(1, CONFLICT_KEY), CONFLICT_KEY).describe(
    "The column, or the columns together, by which rows are the same one. The table needs a unique index over exactly these.",
  ),
  do: choice(CONFLICT_WAYS).describe(
    "`ignore`: the stored row stays. `update`: the new row overwrites its declared columns.",
  ),
  newest: z
    .string(CONFLICT_KEY)
    .min(1, CONFLICT_KEY)
    .optional()
    .describe(
      "With `do: update`: the column that says which row is the newer one, a number or a time without a mask. The stored row is overwritten only by a later value, and NULL is before any value. Default: the row that is written last.",
    ),
}).describe("What becomes of a row whose key the table has. Default: its message is refused, as by any constraint.");

/** One token for many values, or none: rows that have nothing to do with each other would be one. */
const NO_KEY_MASKS: readonly unknown[] = ["generalize", "redact", "drop"] satisfies readonly MaskName[];
/** What compares as it means: not texts, in which "10" is before "9". */
const NEWEST_TYPES: readonly unknown[] = ["timestamp", "date", "integer", "number", "decimal", "version"];

/** Columns that cannot be what `onConflict` makes of them. */
export function* conflictProblems(
  at: readonly string[],
  table: Readonly<Record<string, unknown>>,
): Generator<LevelProblem> {
  const { onConflict, columns } = table;
  if (!isObject(onConflict) || !isObject(columns)) return;
  const path = [...at, "onConflict"];
  const keys: readonly unknown[] = [onConflict["key"]].flat();
  const listed = Array.isArray(onConflict["key"]);
  for (const [index, key] of keys.entries()) {
    if (typeof key !== "string" || key === "") continue;
    const message = keys.indexOf(key) < index ? "is named twice; name it once" : keyProblem(key, columns[key]);
    if (message !== null) yield { path: [...path, "key", ...(listed ? [String(index)] : [])], message };
  }
  const { newest } = onConflict;
  if (onConflict["do"] === "update" && Object.keys(columns).every((name) => keys.includes(name)))
    yield {
      path: [...path, "do"],
      message: "has nothing to overwrite, as all columns are in the key; it must be ignore",
    };
  if (newest === undefined) return;
  const message =
    onConflict["do"] === "ignore" ? "goes with do: update only; remove it" : newestProblem(newest, keys, columns);
  if (message !== null) yield { path: [...path, "newest"], message };
}

function keyProblem(name: string, column: unknown): string | null {
  if (column === undefined) return `names ${name}, which is no declared column; it must be ${CONFLICT_KEY}`;
  if (!isObject(column)) return null;
  const { type, mask, nullable, absent } = column;
  if (NO_KEY_MASKS.includes(mask))
    return `names ${name}, whose mask ${String(mask)} makes different values the same; take a mask that tells them apart, or another key`;
  if (type === "json" || (typeof type === "string" && isArrayType(type as never)))
    return `names ${name}, of type ${type}; it must be of a type with one value`;
  if (nullable === true)
    return `names ${name}, which may be NULL, and NULL is the same as nothing; remove nullable: true from the column`;
  if (absent !== undefined) return `names ${name}, which the table's default may fill; the key must be in the event`;
  return null;
}

function newestProblem(
  name: unknown,
  keys: readonly unknown[],
  columns: Readonly<Record<string, unknown>>,
): string | null {
  if (typeof name !== "string" || name === "") return null;
  const column = columns[name];
  if (column === undefined) return `names ${name}, which is no declared column; it must be ${CONFLICT_KEY}`;
  if (keys.includes(name)) return "is in the key, in which equal rows do not differ; it must be another column";
  if (!isObject(column)) return null;
  if (column["mask"] !== undefined)
    return `names ${name}, which is masked: its tokens have no order; take a column without a mask`;
  if (NEWEST_TYPES.includes(column["type"])) return null;
  return `names ${name}, whose type says nothing of later or earlier; it must be one of ${NEWEST_TYPES.join(", ")}`;
}

const tableSchema = mapping("a mapping with the key columns", {
  when: whenSchema
    .optional()
    .describe(
      "Which events the table takes: those in which each field that is named here has the value, or one of the values, that " +
        "stands beside it; `present: true` asks for any. Default: every event.",
    ),
  each: eachSchema
    .optional()
    .describe(
      "The array whose elements have a row each: `items`, or `packages[].items` for those within others. Paths then begin at " +
        "the element (`.` is the element itself), `^.` leads to what surrounds it, and `@index` is its place, from 0. " +
        "Default: the event has one row.",
    ),
  onConflict: onConflictSchema.optional(),
  columns: columnsSchema.describe("What the table gets: a key for each column, as in `columns`."),
}).describe("One table.");

export const tablesSchema = z
  .record(text(TABLE_NAME, isTableName), tableSchema, "a mapping with a key for each table")
  .superRefine((value, context) => {
    if (Object.keys(value).length === 0)
      context.addIssue({ code: "custom", message: "has no tables; it must have one or more" });
  })
  .meta({ minProperties: 1 });

export const unmatchedSchema = choice(["quarantine", "drop"]).default("quarantine");

/** Where, and "what is wrong; what would be right", to follow the setting's name. */
export interface LevelProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Looks at a table's settings as they were written: paths that lead above the body, or to an element where there is none. */
export function* levelProblems(
  at: readonly string[],
  table: Readonly<Record<string, unknown>>,
  sourceLevels: number,
): Generator<LevelProblem> {
  const each = typeof table["each"] === "string" ? parseEach(table["each"]) : null;
  const levels = sourceLevels + (each?.ok === true ? each.value.path.length : 0);
  if (each?.ok === true && each.value.from === "." && sourceLevels === 0)
    yield {
      path: [...at, "each"],
      message: "names the event as a whole, which is no array; it must be the path of an array in it, such as items",
    };
  if (isObject(table["when"])) {
    for (const from of Object.keys(table["when"])) {
      const place = parsePlace(from);
      const message = place.ok ? levelProblem(place.value, sourceLevels) : null;
      if (message !== null) yield { path: [...at, "when", from], message };
    }
  }
  if (!isObject(table["columns"])) return;
  for (const [name, settings] of Object.entries(table["columns"])) {
    if (!isObject(settings)) continue;
    for (const place of placesIn(settings["from"])) {
      const message = levelProblem(place, levels);
      if (message !== null) yield { path: [...at, "columns", name, "from"], message };
    }
  }
}

function levelProblem(place: ValuePlace, levels: number): string | null {
  if (place.kind === "metadata" && place.name === "index" && levels === 0)
    return "names the place of an element, which needs each; name each for the table, or take another place";
  if (place.kind !== "field" || (place.up ?? 0) <= levels) return null;
  return levels === 0
    ? "leads above the event; ^ goes with each only"
    : `leads above the whole body; it must have ${levels} ^ at most`;
}
