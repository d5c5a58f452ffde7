import { z } from "zod";
import type { Condition, ValuePlace } from "../pipeline/contracts.ts";
import { columnSchema } from "./column-schema.ts";
import { EACH, parseEach } from "./each-path.ts";
import { CONSTANT } from "./reading-settings.ts";
import { choice, isObject, mapping, text } from "./schema-parts.ts";
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
