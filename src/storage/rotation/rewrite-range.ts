import { PiipeError } from "../../errors.ts";
import type { Clock, TokenRewrite } from "../../pipeline/contracts.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { type TableName, quoteIdentifier, quoteTable, showTable } from "../../postgres/identifiers.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { TOKEN_CHECK_PREFIX } from "./token-checks.ts";
import { formCondition } from "./token-form-sql.ts";

export interface RewriteTask {
  readonly table: TableName;
  readonly column: string;
  readonly rewrite: TokenRewrite;
}

export interface RewriteOptions {
  readonly clock: Clock;
  /** Ends the work between two batches. */
  readonly stop: AbortSignal;
  /** Ends it at once: the batch under way is rolled back, and the call throws. */
  readonly abort: AbortSignal;
  readonly onProgress: (progress: RewriteProgress) => void;
}

export interface RewriteProgress {
  readonly phase: "rewriting" | "verifying";
  /** Blocks of the table. */
  readonly done: number;
  readonly total: number;
}

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
const IN_RANGE = `stored.ctid = ANY (ARRAY(
  SELECT ('(' || block || ',' || line || ')')::tid
  FROM generate_series($1::bigint, $2::bigint) AS block,
    -- A block's header has 24 bytes; a row needs a line pointer of 4 and a header of 24 (storage/bufpage.h, htup_details.h).
    generate_series(1, (current_setting('block_size')::integer - 24) / 28) AS line
))`;

/** How many blocks the ranges have together. */
export const blocksOf = (ranges: readonly HeapRange[]): number =>
  ranges.reduce((blocks, { firstBlock, lastBlock }) => blocks + lastBlock - firstBlock + 1, 0);

export interface OldRow {
  /** Its address, such as `(0,1)`: that of this version of the row. */
  readonly address: string;
  readonly token: string;
}

export interface RangeOutcome {
  readonly rewritten: number;
  /** Another session holds a row of the range, or was faster with it: go through the range again. */
  readonly hasSkipped: boolean;
}

const INSERT_LINKS = `
INSERT INTO piipe.key_links (column_name, old_token, new_token, domain)
SELECT $1, link.old_token, link.new_token, $3
FROM json_to_recordset($2::json) AS link (old_token text, new_token text)
WHERE link.old_token <> link.new_token
ORDER BY 2
ON CONFLICT DO NOTHING`;

/** The rows of a range whose value has an old form. */
export async function findOldRows(
  run: RunStatement,
  { column, rewrite }: RewriteTask,
  { table, firstBlock, lastBlock }: HeapRange,
): Promise<readonly OldRow[]> {
  const isOld = rewrite.forms.map((form) => formCondition(column, form)).join(" OR ");
  const { rows } = await run(
    `SELECT ctid::text AS address, ${quoteIdentifier(column)}::text AS token
     FROM ONLY ${quoteTable(table)} AS stored WHERE ${IN_RANGE} AND (${isOld})`,
    [String(firstBlock), String(lastBlock)],
  );
  return rows.map(({ address, token }) => ({ address: address ?? "", token: token ?? "" }));
}

/** How many rows of a range have neither an old form nor one of those that may stay. */
export async function countForeignRows(
  run: RunStatement,
  { column, rewrite: { forms, tokenForms } }: RewriteTask,
  { table, firstBlock, lastBlock }: HeapRange,
): Promise<number> {
  if (tokenForms === null) return 0;
  const isKnown = [...forms, ...tokenForms].map((form) => formCondition(column, form)).join(" OR ");
  const { rows } = await run(
    `SELECT count(*) AS rows FROM ONLY ${quoteTable(table)} AS stored
     WHERE ${IN_RANGE} AND ${quoteIdentifier(column)} IS NOT NULL AND NOT (${isKnown})`,
    [String(firstBlock), String(lastBlock)],
  );
  return Number(rows[0]?.["rows"]);
}

export async function rewriteRange(run: RunStatement, task: RewriteTask, range: HeapRange): Promise<RangeOutcome> {
  const { column, rewrite } = task;
  await run(RANGE_SETTINGS);
  const pairs = new Map<string, string>();
  const found: string[] = [];
  for (const { address, token } of await findOldRows(run, task, range)) {
    const newToken = pairs.get(token) ?? rewrite.rewrite(token);
    if (newToken === null) continue;
    pairs.set(token, newToken);
    found.push(address);
  }
  if (found.length === 0) return { rewritten: 0, hasSkipped: false };
  const table = quoteTable(range.table);
  // Never waits for a row while it holds others: no session that works on the table can be drawn into a deadlock.
  const { rows: locked } = await run(
    `SELECT ctid::text AS address FROM ONLY ${table} WHERE ctid = ANY ($1::tid[]) FOR UPDATE SKIP LOCKED`,
    [addressList(found)],
  );
  const name = quoteIdentifier(column);
  // Joined by the token: what stands at an address by now counts, and PostgreSQL 10 cannot hash addresses.
  const { rowCount } = await run(
    `UPDATE ONLY ${table} AS stored SET ${name} = pair.new_token
     FROM json_to_recordset($2::json) AS pair (old_token text, new_token text)
     WHERE stored.ctid = ANY ($1::tid[]) AND stored.${name}::text = pair.old_token`,
    [
      addressList(locked.map(({ address }) => address ?? "")),
      JSON.stringify(Array.from(pairs, ([old_token, new_token]) => ({ old_token, new_token }))),
    ],
  );
  const links = Array.from(pairs).flatMap(([old, new_token]) =>
    rewrite.linkedTokens(old).map((old_token) => ({ old_token, new_token })),
  );
  if (links.length > 0) await run(INSERT_LINKS, [column, JSON.stringify(links), rewrite.domain]);
  return { rewritten: rowCount, hasSkipped: locked.length < found.length };
}

const addressList = (addresses: readonly string[]): string =>
  `{${addresses.map((address) => `"${address}"`).join(",")}}`;

/** Says what an operator of this command can do; other errors are left as they are. */
export function explainRefusal(error: unknown, { table, column }: RewriteTask): unknown {
  if (!(error instanceof DatabaseFailure)) return error;
  const { sqlState, facts } = error;
  const options = sqlState === null ? {} : { sqlState };
  const name = showTable(table);
  if (sqlState === "42501") {
    return new PiipeError("database.denied", `the PostgreSQL user may not rewrite all rows of ${name} or their links`, {
      hint:
        "Run the command as the owner of the table: it needs SELECT and UPDATE on the table and each partition, no " +
        "row-level security policy that applies to it, and SELECT, INSERT and DELETE on piipe.key_links and piipe.vault.",
      ...options,
    });
  }
  if (sqlState === "23514" && facts?.constraint?.startsWith(TOKEN_CHECK_PREFIX) === true) {
    return new PiipeError(
      "database.table-mismatch",
      `the check ${facts.constraint} of ${name} refuses the new tokens of column ${column}`,
      { hint: "It was made before the key version was added: run `piipe migrate --token-checks`.", ...options },
    );
  }
  if (sqlState === "22001") {
    return new PiipeError("database.table-mismatch", `column ${column} of ${name} is too short for the new tokens`, {
      hint: `Widen it with ALTER TABLE ${quoteTable(table)} ALTER COLUMN ${quoteIdentifier(column)} TYPE text.`,
      ...options,
    });
  }
  return error;
}
