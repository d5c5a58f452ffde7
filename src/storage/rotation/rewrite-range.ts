import { PiipeError } from "../../errors.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { quoteIdentifier, quoteTable, showTable } from "../../postgres/identifiers.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { type HeapRange, IN_RANGE, RANGE_SETTINGS } from "./heap-ranges.ts";
import type { RewriteTask } from "./rewrite-tokens.ts";
import { TOKEN_CHECK_PREFIX } from "./token-checks.ts";
import { formCondition } from "./token-form-sql.ts";

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
