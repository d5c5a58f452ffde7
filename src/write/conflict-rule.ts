import { PiipeError } from "../errors.ts";
import type { Column, OnConflict } from "../pipeline/contracts.ts";
import { arrayLiteral } from "../postgres/array-literal.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { hasPartitions, keyColumnsOf } from "../postgres/dialect.ts";
import { quoteIdentifier, quoteTable, showTable, type TableName } from "../postgres/identifiers.ts";
import { isText } from "./column-fit.ts";
import type { TargetTable } from "./target-table.ts";

/** `onConflict` of a table that can do it. */
export interface ConflictRule extends OnConflict {
  /** As SQL, of the columns of the key that compare under one. */
  readonly collations: ReadonlyMap<string, string>;
  readonly isPartitioned: boolean;
}

/** The columns of a table, by what its indexes know them. */
const USED = `used AS (
  SELECT a.attname, a.attnum, a.attcollation FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
)`;

/**
 * `i` with the columns of each as `parts`, of plain unique indexes only: one over fewer rows, over expressions or with a check
 * that may wait is none that ON CONFLICT finds, or none for every row. Under another equality than the column's own, rows would
 * be the same in the table and not in a batch.
 */
const PLAIN_INDEXES = `pg_catalog.pg_index i CROSS JOIN LATERAL (
    SELECT array_agg(part.attnum ORDER BY part.attnum) AS columns, bool_and(part.is_usual) AS are_usual
    FROM (
      SELECT used.attnum, o.opcdefault AND i.indcollation[place] = used.attcollation AS is_usual
      FROM generate_series(0, ${keyColumnsOf("i")} - 1) AS place
      JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[place]
      JOIN used ON used.attnum = i.indkey[place]
    ) AS part
  ) AS parts
  WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL AND parts.are_usual`;

const READ = `
WITH target AS (
  SELECT c.oid, c.relkind FROM pg_catalog.pg_class c WHERE c.oid = $1::text::regclass
), ${USED}, key AS (
  SELECT array_agg(used.attnum ORDER BY used.attnum) AS columns FROM used WHERE used.attname = ANY ($2::text[])
)
SELECT target.relkind AS kind,
  EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = target.oid AND r.ev_type IN ('2', '3')) AS has_rules,
  target.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = target.oid) AS has_children,
  has_table_privilege(target.oid, 'SELECT') AS may_read,
  coalesce((SELECT bool_and(has_column_privilege(target.oid, used.attnum, 'UPDATE')) FROM used
            WHERE used.attname = ANY ($3::text[])), true) AS may_update,
  EXISTS (SELECT FROM ${PLAIN_INDEXES} AND parts.columns = key.columns) AS has_index,
  (SELECT json_agg(json_build_array(used.attname, format('%I.%I', n.nspname, c.collname)))::text
   FROM used JOIN pg_catalog.pg_collation c ON c.oid = used.attcollation
   JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE used.attname = ANY ($2::text[])) AS collations
FROM target CROSS JOIN key`;

const READ_UNIQUE = `
WITH ${USED}
SELECT used.attname AS name FROM used WHERE EXISTS (SELECT FROM ${PLAIN_INDEXES} AND parts.columns = ARRAY[used.attnum])`;

/** Names of the columns that are each unique alone, by an index that ON CONFLICT finds. */
export async function readUniqueColumns(pool: PostgresPool, table: TableName): Promise<ReadonlySet<string>> {
  const doing = `reading the unique indexes of ${showTable(table)}`;
  const { rows } = await pool.query(doing, READ_UNIQUE, [quoteTable(table)]);
  return new Set(rows.flatMap(({ name }) => name ?? []));
}

/**
 * Looks whether the table can do what `onConflict` says; call it after `checkTable`.
 * @throws {PiipeError} `database.table-mismatch` with the statement that mends it, or `database.denied`
 */
export async function readConflictRule(
  pool: PostgresPool,
  table: TargetTable,
  columns: readonly Column[],
  onConflict: OnConflict,
): Promise<ConflictRule> {
  const name = showTable(table.name);
  const { engine, upserts } = await pool.dialect();
  if (!upserts)
    throw mismatch(`onConflict works with PostgreSQL, and was never tried with ${engine}`, "Remove onConflict.");
  const { rows } = await pool.query(`reading the unique indexes of ${name}`, READ, [
    quoteTable(table.name),
    arrayLiteral(onConflict.key),
    arrayLiteral(updatedColumns(columns, onConflict)),
  ]);
  const row = rows[0] ?? {};
  const isPartitioned = hasPartitions(row["kind"]);
  if (row["has_rules"] === "t")
    throw mismatch(
      `${name} has rules for INSERT or UPDATE, with which PostgreSQL takes no onConflict`,
      "Make triggers of them, or remove onConflict.",
    );
  if (row["has_children"] === "t")
    throw mismatch(
      `other tables inherit from ${name}, and no unique index of it sees their rows`,
      "Make it a partitioned table, or remove onConflict.",
    );
  if (row["has_index"] !== "t") throw withoutIndex(table, onConflict.key, isPartitioned);
  const newest = table.columns.find((column) => column.name === onConflict.newest);
  if (newest !== undefined && isText(newest))
    throw mismatch(
      `column ${newest.name} of ${name} is ${newest.typeShown}, and texts do not say which row is the newest`,
      "Give onConflict.newest a column of a number or time.",
    );
  const isUpdate = onConflict.do === "update";
  if (row["may_read"] !== "t" || (isUpdate && row["may_update"] !== "t")) {
    const rights = isUpdate ? "SELECT, UPDATE" : "SELECT";
    throw new PiipeError("database.denied", `the PostgreSQL user may not do what onConflict needs with ${name}`, {
      hint: `Grant it: GRANT ${rights} ON ${quoteTable(table.name)} TO the user of sink.postgres.url.`,
    });
  }
  const collations = new Map(JSON.parse(row["collations"] ?? "[]") as [string, string][]);
  return { ...onConflict, collations, isPartitioned };
}

/** What a row is overwritten in. */
export const updatedColumns = (columns: readonly Column[], { key, do: way }: OnConflict): readonly string[] =>
  way === "ignore" ? [] : columns.map(({ name }) => name).filter((name) => !key.includes(name));

function withoutIndex(table: TargetTable, key: readonly string[], isPartitioned: boolean): PiipeError {
  const statement = `CREATE UNIQUE INDEX ON ${quoteTable(table.name)} (${key.map(quoteIdentifier).join(", ")})`;
  return mismatch(
    `${showTable(table.name)} has no unique index over exactly ${key.join(", ")}, by which onConflict finds rows`,
    `Make one: ${statement};` +
      (isPartitioned
        ? " The columns that the table is partitioned by must be among these, and PostgreSQL 10 has none over partitions."
        : " CREATE UNIQUE INDEX CONCURRENTLY does not hold up those who write.") +
      " A partial index, one over expressions, or a DEFERRABLE constraint is none.",
  );
}

const mismatch = (message: string, hint: string): PiipeError =>
  new PiipeError("database.table-mismatch", message, { hint });
