import { PiipeError } from "../../errors.ts";
import type { Clock, TokenForm, TokenPlace, TokenRewrite } from "../../pipeline/contracts.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { type TableName, quoteIdentifier, quoteTable, showTable } from "../../postgres/identifiers.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { tokensIn } from "../search/tokens-in.ts";
import { TOKEN_CHECK_PREFIX } from "./token-checks.ts";
import { formCondition } from "./token-form-sql.ts";

export interface RewriteTask {
  readonly table: TableName;
  readonly place: TokenPlace;
  readonly rewrite: TokenRewrite;
  /**
   * Gives the column's text with other tokens in the place: `replace` is asked for each, and gives null for those that stay.
   * null: the text is the token.
   */
  readonly replaceInside: ((text: string, replace: (token: string) => string | null) => string) | null;
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
/** Of JSON whole values are read, which may lie outside the block: fewer, so that they fit into the memory. */
const BLOCKS_PER_RANGE_INSIDE = 8;

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
export function rangesOf(
  { replaceInside }: Pick<RewriteTask, "replaceInside">,
  heaps: readonly Heap[],
  known: readonly Heap[] = [],
): readonly HeapRange[] {
  const blocksPerRange = replaceInside === null ? BLOCKS_PER_RANGE : BLOCKS_PER_RANGE_INSIDE;
  const ranges: HeapRange[] = [];
  for (const { table, blocks } of heaps) {
    const before = known.find((heap) => quoteTable(heap.table) === quoteTable(table))?.blocks ?? 0;
    if (blocks <= before) continue;
    for (let firstBlock = Math.max(0, before - 1); firstBlock < blocks; firstBlock += blocksPerRange) {
      ranges.push({ table, firstBlock, lastBlock: Math.min(firstBlock + blocksPerRange, blocks) - 1 });
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
  /** The column's text: a token, or JSON that has some. */
  readonly text: string;
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

/** A condition about an expression, which is a token. */
type TokenCondition = (token: string) => string;

/** Whether a row `stored` has in the place what fulfils the condition. */
export function holdsAny(place: TokenPlace, condition: TokenCondition): string {
  if (place.path === null) return `(${condition(`stored.${quoteIdentifier(place.column)}`)})`;
  return `EXISTS (SELECT FROM (${tokensIn("stored", place)}) AS held (token) WHERE ${condition("held.token")})`;
}

export const isOfForm =
  (forms: readonly TokenForm[]): TokenCondition =>
  (token) =>
    forms.map((form) => formCondition(token, form)).join(" OR ") || "false";

/** The rows of a range that have a token of an old form. */
export async function findOldRows(
  run: RunStatement,
  { place, rewrite }: RewriteTask,
  { table, firstBlock, lastBlock }: HeapRange,
): Promise<readonly OldRow[]> {
  const { rows } = await run(
    `SELECT ctid::text AS address, ${quoteIdentifier(place.column)}::text AS text
     FROM ONLY ${quoteTable(table)} AS stored WHERE ${IN_RANGE} AND ${holdsAny(place, isOfForm(rewrite.forms))}`,
    [String(firstBlock), String(lastBlock)],
  );
  return rows.map(({ address, text }) => ({ address: address ?? "", text: text ?? "" }));
}

/** What becomes of a column's text, and of the tokens in it. */
export interface RewrittenText {
  /** Equal to the text that was: nothing in it can be rewritten. */
  readonly text: string;
  readonly pairs: ReadonlyMap<string, string>;
}

export function rewriteText({ rewrite, replaceInside }: RewriteTask, text: string): RewrittenText {
  const pairs = new Map<string, string>();
  const replace = (token: string): string | null => {
    const made = rewrite.rewrite(token);
    if (made !== null) pairs.set(token, made);
    return made;
  };
  return { text: replaceInside === null ? (replace(text) ?? text) : replaceInside(text, replace), pairs };
}

/** How many rows of a range have neither an old form nor one of those that may stay. */
export async function countForeignRows(
  run: RunStatement,
  { place, rewrite }: RewriteTask,
  { table, firstBlock, lastBlock }: HeapRange,
): Promise<number> {
  const isForeign = foreignTo(rewrite);
  if (isForeign === null) return 0;
  const { rows } = await run(
    `SELECT count(*) AS rows FROM ONLY ${quoteTable(table)} AS stored WHERE ${IN_RANGE} AND ${holdsAny(place, isForeign)}`,
    [String(firstBlock), String(lastBlock)],
  );
  return Number(rows[0]?.["rows"]);
}

/** Whether a token has neither an old form nor one of those that may stay. null: that is not looked for. */
export const foreignTo = ({ forms, tokenForms }: TokenRewrite): TokenCondition | null =>
  tokenForms === null
    ? null
    : (token) => `${token} IS NOT NULL AND NOT (${isOfForm([...forms, ...tokenForms])(token)})`;

export async function rewriteRange(run: RunStatement, task: RewriteTask, range: HeapRange): Promise<RangeOutcome> {
  const { place, rewrite } = task;
  await run(RANGE_SETTINGS);
  const pairs = new Map<string, string>();
  const texts = new Map<string, string>();
  const found: string[] = [];
  for (const { address, text } of await findOldRows(run, task, range)) {
    if (!texts.has(text)) {
      const rewritten = rewriteText(task, text);
      texts.set(text, rewritten.text);
      for (const [old, made] of rewritten.pairs) pairs.set(old, made);
    }
    if (texts.get(text) !== text) found.push(address);
  }
  if (found.length === 0) return { rewritten: 0, hasSkipped: false };
  const table = quoteTable(range.table);
  // Never waits for a row while it holds others: no session that works on the table can be drawn into a deadlock.
  const { rows: locked } = await run(
    `SELECT ctid::text AS address FROM ONLY ${table} WHERE ctid = ANY ($1::tid[]) FOR UPDATE SKIP LOCKED`,
    [addressList(found)],
  );
  const name = quoteIdentifier(place.column);
  // Of JSON, the new text is read as the column's type reads it.
  const value =
    place.path === null ? "pair.new_text" : `pair.new_text::${await typeOf(run, range.table, place.column)}`;
  // Joined by the text: what stands at an address by now counts, and PostgreSQL 10 cannot hash addresses.
  const { rowCount } = await run(
    `UPDATE ONLY ${table} AS stored SET ${name} = ${value}
     FROM json_to_recordset($2::json) AS pair (old_text text, new_text text)
     WHERE stored.ctid = ANY ($1::tid[]) AND stored.${name}::text = pair.old_text`,
    [
      addressList(locked.map(({ address }) => address ?? "")),
      JSON.stringify(
        Array.from(texts, ([old_text, new_text]) => ({ old_text, new_text })).filter(
          ({ old_text, new_text }) => old_text !== new_text,
        ),
      ),
    ],
  );
  const links = Array.from(pairs).flatMap(([old, new_token]) =>
    rewrite.linkedTokens(old).map((old_token) => ({ old_token, new_token })),
  );
  if (links.length > 0) await run(INSERT_LINKS, [place.key, JSON.stringify(links), rewrite.domain]);
  return { rewritten: rowCount, hasSkipped: locked.length < found.length };
}

/** As SQL writes it, without a length, which a cast would cut to. */
async function typeOf(run: RunStatement, table: TableName, column: string): Promise<string> {
  const { rows } = await run(
    `SELECT pg_catalog.format_type(atttypid, -1) AS type FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass($1::text) AND attname = $2 AND NOT attisdropped`,
    [quoteTable(table), column],
  );
  return rows[0]?.["type"] ?? "text";
}

const addressList = (addresses: readonly string[]): string =>
  `{${addresses.map((address) => `"${address}"`).join(",")}}`;

/** Says what an operator of this command can do; other errors are left as they are. */
export function explainRefusal(error: unknown, { table, place }: RewriteTask): unknown {
  const { column } = place;
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
