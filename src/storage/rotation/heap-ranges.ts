import { PiipeError } from "../../errors.ts";
import { quoteTable, showTable, type TableName } from "../../postgres/identifiers.ts";
import type { RunStatement } from "../../postgres/transaction.ts";

/** Some blocks of one table that holds rows: a bounded piece of work. */
export interface HeapRange {
  readonly table: TableName;
  readonly firstBlock: number;
  /** Inclusive. */
  readonly lastBlock: number;
}

/** Some thousand rows: a transaction of well under a second. */
const BLOCKS_PER_RANGE = 64;

/** Tables that hold the rows of a table: itself, its partitions, and what inherits from it. */
const READ_TREE = `
WITH RECURSIVE tree AS (
  SELECT to_regclass($1::text)::oid AS oid
  UNION
  SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
)
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind,
  CASE WHEN c.relkind = 'r' THEN pg_relation_size(c.oid) / current_setting('block_size')::bigint END AS blocks,
  coalesce(a.attnum = ANY (p.partattrs), false) AS is_partition_key
FROM tree
JOIN pg_catalog.pg_class c ON c.oid = tree.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = $2
ORDER BY c.oid`;

/** One table that holds rows: the target itself, a partition, or what inherits from it. */
export interface Heap {
  readonly table: TableName;
  /** How many it has now. */
  readonly blocks: number;
}

/**
 * The tables that hold a table's rows.
 * @throws {PiipeError} `database.table-missing`, or `database.table-mismatch` when it is a view or a foreign table, or
 * partitioned by the column
 */
export async function readHeaps(run: RunStatement, table: TableName, column: string): Promise<readonly Heap[]> {
  const { rows } = await run(READ_TREE, [quoteTable(table), column]);
  if (rows.length === 0) {
    throw new PiipeError("database.table-missing", `the table ${showTable(table)} does not exist`);
  }
  const heaps: Heap[] = [];
  for (const row of rows) {
    const part: TableName = { schema: row["schema"] ?? null, name: row["name"] ?? "" };
    if (row["is_partition_key"] === "t") {
      throw new PiipeError(
        "database.table-mismatch",
        `${showTable(part)} is partitioned by column ${column}, whose tokens are to be rewritten`,
        { hint: "Copy the rows into a table that is partitioned by another column, and rewrite the tokens there." },
      );
    }
    if (row["kind"] === "p") continue;
    if (row["kind"] !== "r") {
      throw new PiipeError(
        "database.table-mismatch",
        `${showTable(part)} is a view or a foreign table: tokens can only be rewritten in the table that holds them`,
        { hint: "Name that table in sink.postgres.table, in a configuration for this command." },
      );
    }
    heaps.push({ table: part, blocks: Number(row["blocks"]) });
  }
  return heaps;
}

/**
 * Cuts tables into ranges. Of blocks and not of rows: without an index on the column, every other way to find the next
 * old tokens reads the table from its start each time.
 * @param known the tables as they were: only blocks that came since are wanted, and the last one, which was not yet full
 */
export function rangesOf(heaps: readonly Heap[], known: readonly Heap[] = []): readonly HeapRange[] {
  const ranges: HeapRange[] = [];
  for (const { table, blocks } of heaps) {
    const before = known.find((heap) => quoteTable(heap.table) === quoteTable(table))?.blocks ?? 0;
    if (blocks <= before) continue;
    for (let firstBlock = Math.max(0, before - 1); firstBlock < blocks; firstBlock += BLOCKS_PER_RANGE) {
      ranges.push({ table, firstBlock, lastBlock: Math.min(firstBlock + BLOCKS_PER_RANGE, blocks) - 1 });
    }
  }
  return ranges;
}

/**
 * For the transactions that read ranges. A row-level security policy would hide rows, and leave their tokens behind:
 * PostgreSQL refuses such statements instead. And it takes addresses one by one for dear, and would often read the whole
 * table for each range.
 */
export const RANGE_SETTINGS = "SET LOCAL row_security = off; SET LOCAL enable_seqscan = off";

/** Server side: `stored.ctid` in the blocks from `$1` to `$2`. Read by their addresses on every PostgreSQL since 10. */
export const IN_RANGE = `stored.ctid = ANY (ARRAY(
  SELECT ('(' || block || ',' || line || ')')::tid
  FROM generate_series($1::bigint, $2::bigint) AS block,
    -- A block's header has 24 bytes; a row needs a line pointer of 4 and a header of 24 (storage/bufpage.h, htup_details.h).
    generate_series(1, (current_setting('block_size')::integer - 24) / 28) AS line
))`;

/** How many blocks the ranges have together. */
export const blocksOf = (ranges: readonly HeapRange[]): number =>
  ranges.reduce((blocks, { firstBlock, lastBlock }) => blocks + lastBlock - firstBlock + 1, 0);
