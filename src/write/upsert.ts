import type { Column, MaskedRecord } from "../pipeline/contracts.ts";
import { quoteIdentifier, quoteTable } from "../postgres/identifiers.ts";
import { type ConflictRule, updatedColumns } from "./conflict-rule.ts";
import type { TargetTable } from "./target-table.ts";

/** A table with `onConflict`, and its columns. */
export interface UpsertedTable {
  readonly table: TargetTable;
  readonly columns: readonly Column[];
  readonly rule: ConflictRule;
}

/**
 * The CTEs that store rows of which the table may have some. Of several rows of the batch with one key, one is given to the
 * table, as if each had come alone and in their order: PostgreSQL writes no row twice in one statement (21000). Keys are
 * taken in one order, so that writers wait for each other instead of deadlocking.
 *
 * @param rows gives `position` and the values, as c0, c1, … and of the columns' types
 * @param suffix of the CTEs' names: `given`, `stored`, `met`. The last has a row for each key: the `position` that was given, and
 * `is_new` unless the row was ignored
 */
export function upsertSql({ table, columns, rule }: UpsertedTable, rows: string, suffix: string): string {
  const { key, newest } = rule;
  const placeOf = (name: string): number => columns.findIndex((column) => column.name === name);
  const keys = key.map((name) => `c${placeOf(name)}`);
  const targets = columns.map(({ name }) => quoteIdentifier(name)).join(", ");
  const values = columns.map((_, index) => `input.c${index}`).join(", ");
  const latest = newest === null ? "" : `, input.c${placeOf(newest)} DESC NULLS LAST`;
  // Of equally new rows the first would stay, and so would the first of those that are ignored.
  const isLastTaken = rule.do === "update" && newest === null;
  const returned = key.map(
    (name, index) => `${asCompared(table, rule, name, `target.${quoteIdentifier(name)}`)} AS ${keys[index]}`,
  );
  return `given${suffix} AS (
  SELECT DISTINCT ON (${keys.join(", ")}) *
  FROM (${rows}) AS input
  ORDER BY ${keys.join(", ")}${latest}, position${isLastTaken ? " DESC" : ""}
), stored${suffix} AS (
  INSERT INTO ${quoteTable(table.name)} AS target (${targets})
  SELECT ${values} FROM given${suffix} AS input
  ORDER BY ${keys.join(", ")}
  ON CONFLICT (${key.map(quoteIdentifier).join(", ")}) ${resolution(columns, rule)}
  RETURNING ${returned.join(", ")}, ${whetherNew(table, rule)} AS is_new
), met${suffix} AS (
  SELECT max(position) AS position, bool_or(is_new) AS is_new
  FROM (
    SELECT ${keys.join(", ")}, position, NULL::boolean AS is_new FROM given${suffix}
    UNION ALL
    SELECT ${keys.join(", ")}, NULL, is_new FROM stored${suffix}
  ) AS either
  GROUP BY ${keys.join(", ")}
)`;
}

/** What became of the rows, as JSON: one value of a row. */
export const upsertResult = (suffix: string): string =>
  `(SELECT json_build_object(
    'inserted', json_agg(position) FILTER (WHERE is_new AND position IS NOT NULL),
    'updated', json_agg(position) FILTER (WHERE NOT is_new AND position IS NOT NULL),
    'renamed', json_agg(is_new) FILTER (WHERE position IS NULL)
  )::text FROM met${suffix})`;

/**
 * The positions of those that are neither stored nor were there before: a trigger kept them out. Where another transaction has
 * just stored the key, it is counted here as well.
 */
export function missingResult({ table, columns, rule }: UpsertedTable, suffix: string): string {
  const isKnown = rule.key.map(
    (name) => `known.${quoteIdentifier(name)} = given${suffix}.c${columns.findIndex((column) => column.name === name)}`,
  );
  return `(SELECT json_agg(given${suffix}.position)::text
    FROM given${suffix} JOIN met${suffix} ON met${suffix}.position = given${suffix}.position
    WHERE met${suffix}.is_new IS NULL
      AND NOT EXISTS (SELECT FROM ${quoteTable(table.name)} AS known WHERE ${isKnown.join(" AND ")}))`;
}

/** The value of a column as the table compares it: columns of other types than their value's, and collations, are told. */
export function asCompared(table: TargetTable, { collations }: ConflictRule, name: string, value: string): string {
  const real = table.columns.find((column) => column.name === name);
  if (real === undefined) throw new Error(`column ${name} was not checked against the table`);
  const collation = collations.get(name);
  return `(${value})::${real.typeSql}${collation === undefined ? "" : ` COLLATE ${collation}`}`;
}

function resolution(columns: readonly Column[], rule: ConflictRule): string {
  if (rule.do === "ignore") return "DO NOTHING";
  const set = updatedColumns(columns, rule).map(
    (name) => `${quoteIdentifier(name)} = EXCLUDED.${quoteIdentifier(name)}`,
  );
  return `DO UPDATE SET ${set.join(", ")}${rule.newest === null ? "" : isLater(quoteIdentifier(rule.newest))}`;
}

const isLater = (newest: string): string => `
  WHERE EXCLUDED.${newest} > target.${newest} OR target.${newest} IS NULL AND EXCLUDED.${newest} IS NOT NULL`;

/**
 * Whoever updates a row has locked it before, and the new version says so. Of partitions PostgreSQL does not tell: there a row
 * counts as new that another transaction has stored since the statement began.
 */
function whetherNew(table: TargetTable, { key, isPartitioned }: ConflictRule): string {
  if (!isPartitioned) return "target.xmax = 0";
  const isKnown = key.map((name) => `known.${quoteIdentifier(name)} = target.${quoteIdentifier(name)}`);
  return `NOT EXISTS (SELECT FROM ${quoteTable(table.name)} AS known WHERE ${isKnown.join(" AND ")})`;
}

/** The record of each row of a table, in the order of the rows. */
export const ownersOf = (records: readonly MaskedRecord[], place: number): readonly MaskedRecord[] =>
  records.flatMap((record) => record.rows.filter(({ table }) => table === place).map(() => record));

/** What became of the rows of a batch in tables with `onConflict`. */
export class UpsertTally {
  readonly counts = { inserted: 0, updated: 0, ignored: 0 };
  readonly #touched = new Set<MaskedRecord>();

  /**
   * @param owners the record of each row that the statement was given, in order
   * @param isNew whether the record is stored now: the rows of others went into no table
   * @param result of `upsertResult`
   * @param missing of `missingResult`; null: nothing keeps rows out
   * @returns how many rows a trigger kept out
   */
  note(
    owners: readonly MaskedRecord[],
    isNew: (record: MaskedRecord) => boolean,
    result: string | null | undefined,
    missing: string | null | undefined,
  ): number {
    const found = JSON.parse(result ?? "{}") as UpsertResult;
    const [inserted, updated, renamed] = [found.inserted ?? [], found.updated ?? [], found.renamed ?? []];
    const out = JSON.parse(missing ?? "[]") as readonly number[];
    // A trigger gave rows another key: whose these are is not known.
    const touched =
      renamed.length > 0 ? owners : [...inserted, ...updated, ...out].flatMap((position) => owners[position - 1] ?? []);
    for (const record of touched) if (isNew(record)) this.#touched.add(record);
    const renamedNew = renamed.filter(Boolean).length;
    const keptOut = Math.max(0, out.length - renamed.length);
    const stored = inserted.length + updated.length + renamed.length;
    this.counts.inserted += inserted.length + renamedNew;
    this.counts.updated += updated.length + renamed.length - renamedNew;
    this.counts.ignored += owners.filter(isNew).length - stored - keptOut;
    return keptOut;
  }

  /** Whether any of its rows is in a table, or was kept out by a trigger of one. */
  isTouched(record: MaskedRecord): boolean {
    return this.#touched.has(record);
  }
}

interface UpsertResult {
  readonly inserted?: readonly number[] | null;
  readonly updated?: readonly number[] | null;
  /** Of each row with another key than it was given: whether it is new. */
  readonly renamed?: readonly boolean[] | null;
}
