import { createHash } from "node:crypto";
import { PiipeError } from "../../errors.ts";
import type { Clock, TokenForm } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { type TableName, quoteIdentifier, quoteLiteral, quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type TransactionOptions, inTransaction } from "../../postgres/transaction.ts";
import { retryDatabase } from "../retry-database.ts";
import { formCondition } from "./token-form-sql.ts";

/** The values that a column may hold. `forms`: none allows only NULL; null allows everything. */
export interface ColumnForms {
  readonly column: string;
  readonly forms: readonly TokenForm[] | null;
}

export interface TokenCheckReport {
  readonly column: string;
  /** Name of the constraint. */
  readonly check: string;
  /**
   * - `valid`: no row has anything else, and none can get it
   * - `not-valid`: stored rows have something else; new and updated rows are refused with it
   * - `dropped`: the column's values have no form any more
   */
  readonly state: "valid" | "not-valid" | "dropped";
  /** Rows that keep the check from being valid; null when they could not be counted in time. */
  readonly misfits: number | null;
  /** False: the check was there already, and is as it was. */
  readonly isChanged: boolean;
}

export const TOKEN_CHECK_PREFIX = "piipe_token_";
/** PostgreSQL cuts a longer name, and two columns could then have the same. */
const NAME_BYTES_MAX = 63;

/** The name of a column's check. */
export function tokenCheckName(column: string): string {
  const name = TOKEN_CHECK_PREFIX + column;
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const suffix = `_${createHash("sha256").update(column).digest("hex").slice(0, 8)}`;
  const room = Buffer.from(name).subarray(0, NAME_BYTES_MAX - suffix.length);
  // As part of a stream: a character that is cut in two is left out.
  return new TextDecoder().decode(room, { stream: true }) + suffix;
}

/**
 * Gives each column a CHECK constraint that refuses what is no token: whatever writes into the table, no raw value gets
 * in. A check that says something else is replaced in one transaction. It begins NOT VALID, which takes only a moment
 * under the lock, and is validated beside running writers. Idempotent.
 * @throws {PiipeError} `database.denied` unless the user owns the table
 */
export async function addTokenChecks(
  pool: PostgresPool,
  table: TableName,
  columns: readonly ColumnForms[],
  retry: { readonly clock: Clock; readonly stop: AbortSignal },
): Promise<readonly TokenCheckReport[]> {
  const existing = await readChecks(pool, table, namesOf(columns));
  const reports: TokenCheckReport[] = [];
  for (const { column, forms } of columns) {
    const check = tokenCheckName(column);
    const found = existing.get(check);
    if (forms === null) {
      if (found === undefined) continue;
      await retryDatabase(() => changeCheck(pool, table, check, null), retry);
      reports.push({ column, check, state: "dropped", misfits: null, isChanged: true });
      continue;
    }
    const condition = conditionOf(column, forms);
    const isSame = found?.comment === commentOf(condition);
    if (!isSame) await retryDatabase(() => changeCheck(pool, table, check, condition), retry);
    if (isSame && found.isValid) {
      reports.push({ column, check, state: "valid", misfits: null, isChanged: false });
      continue;
    }
    const outcome = await retryDatabase(() => validate(pool, table, check, condition), retry);
    reports.push({ column, check, ...outcome, isChanged: !isSame || outcome.state === "valid" });
  }
  return reports;
}

/**
 * Drops the checks that are not valid: PostgreSQL applies every check to every update of a row, so that a row whose two
 * columns do not fit could get new tokens in neither.
 * @returns the names of the dropped ones
 * @throws {PiipeError} `database.denied` unless the user owns the table
 */
export async function dropInvalidChecks(
  pool: PostgresPool,
  table: TableName,
  columns: readonly string[],
  retry: { readonly clock: Clock; readonly stop: AbortSignal },
): Promise<readonly string[]> {
  const existing = await readChecks(pool, table, columns);
  const invalid = [...existing].flatMap(([check, { isValid }]) => (isValid ? [] : [check]));
  for (const check of invalid) await retryDatabase(() => changeCheck(pool, table, check, null), retry);
  return invalid;
}

/** The checks of the table that refuse some of the forms, such as `piipe_token_ip on column ip`. */
export async function refusingTokenChecks(
  pool: PostgresPool,
  table: TableName,
  columns: readonly ColumnForms[],
): Promise<readonly string[]> {
  const existing = await readChecks(pool, table, namesOf(columns));
  const refusing: string[] = [];
  for (const { column, forms } of columns) {
    const found = existing.get(tokenCheckName(column));
    if (found === undefined) continue;
    if (forms === null || !(await takesAll(pool, column, found, forms))) {
      refusing.push(`${tokenCheckName(column)} on column ${column}`);
    }
  }
  return refusing;
}

/**
 * Compares the checks of the table with what new events get. Without it a check that was made before the last key version
 * would refuse every event.
 * @throws {PiipeError} `database.table-mismatch`, naming the columns
 */
export async function checkTokenChecks(
  pool: PostgresPool,
  table: TableName,
  columns: readonly ColumnForms[],
): Promise<void> {
  const refusing = await refusingTokenChecks(pool, table, columns);
  if (refusing.length === 0) return;
  throw new PiipeError(
    "database.table-mismatch",
    `the table ${showTable(table)} has token checks that refuse what the configuration writes now: ${refusing.join(", ")}`,
    {
      hint: "They are of another mask, or older than the key version: bring them up to date with `piipe migrate --token-checks`.",
    },
  );
}

interface ExistingCheck {
  readonly isValid: boolean;
  readonly comment: string | null;
  readonly expression: string;
}

const READ_CHECKS = `
SELECT c.conname AS name, c.convalidated AS is_valid, obj_description(c.oid, 'pg_constraint') AS comment,
  pg_get_expr(c.conbin, c.conrelid) AS expression
FROM pg_catalog.pg_constraint c
WHERE c.conrelid = to_regclass($1::text) AND c.contype = 'c'
  AND c.conname IN (SELECT json_array_elements_text($2::json))`;

async function readChecks(
  pool: PostgresPool,
  table: TableName,
  columns: readonly string[],
): Promise<ReadonlyMap<string, ExistingCheck>> {
  const { rows } = await pool.query(`reading the token checks of ${showTable(table)}`, READ_CHECKS, [
    quoteTable(table),
    JSON.stringify(columns.map(tokenCheckName)),
  ]);
  return new Map(
    rows.map(({ name, is_valid, comment, expression }) => [
      name ?? "",
      { isValid: is_valid === "t", comment: comment ?? null, expression: expression ?? "" },
    ]),
  );
}

const namesOf = (columns: readonly ColumnForms[]): readonly string[] => columns.map(({ column }) => column);

function conditionOf(column: string, forms: readonly TokenForm[]): string {
  if (forms.length === 0) return `${quoteIdentifier(column)} IS NULL`;
  return forms.map((form) => formCondition(quoteIdentifier(column), form)).join(" OR ");
}

/**
 * PostgreSQL shows a condition in words of its own, which differ between versions: the comment tells whether it is the
 * wanted one. A condition cannot be altered, and a comment goes with its constraint.
 */
const commentOf = (condition: string): string => `Made by piipe migrate --token-checks: ${condition}`;

/** Drops the check, and adds it with the condition unless that is null. */
async function changeCheck(
  pool: PostgresPool,
  table: TableName,
  check: string,
  condition: string | null,
): Promise<void> {
  const [target, name] = [quoteTable(table), quoteIdentifier(check)];
  await inTransaction(pool, transactionOf(table), async (run) => {
    await run(`ALTER TABLE ${target} DROP CONSTRAINT IF EXISTS ${name}`);
    if (condition === null) return;
    await run(`ALTER TABLE ${target} ADD CONSTRAINT ${name} CHECK (${condition}) NOT VALID`);
    await run(`COMMENT ON CONSTRAINT ${name} ON ${target} IS ${quoteLiteral(commentOf(condition))}`);
  });
}

const CHECK_VIOLATION = "23514";
const STATEMENT_CANCELLED = "57014";

async function validate(
  pool: PostgresPool,
  table: TableName,
  check: string,
  condition: string,
): Promise<Pick<TokenCheckReport, "state" | "misfits">> {
  try {
    await inTransaction(pool, transactionOf(table), (run) =>
      run(`ALTER TABLE ${quoteTable(table)} VALIDATE CONSTRAINT ${quoteIdentifier(check)}`),
    );
    return { state: "valid", misfits: null };
  } catch (error) {
    if (!(error instanceof DatabaseFailure)) throw error;
    if (error.sqlState === STATEMENT_CANCELLED) return { state: "not-valid", misfits: null };
    if (error.sqlState !== CHECK_VIOLATION) throw error;
  }
  try {
    const { rows } = await inTransaction(pool, transactionOf(table), (run) =>
      run(`SELECT count(*) AS misfits FROM ${quoteTable(table)} WHERE NOT (${condition})`),
    );
    return { state: "not-valid", misfits: Number(rows[0]?.["misfits"]) };
  } catch (error) {
    if (error instanceof DatabaseFailure && error.sqlState === STATEMENT_CANCELLED) {
      return { state: "not-valid", misfits: null };
    }
    throw error;
  }
}

const transactionOf = (table: TableName): TransactionOptions => ({
  doing: `adding the token checks to ${showTable(table)}`,
  ...TIMEOUTS.lockingBigTable,
});

/** Tries the check on a token of each form: its text could be read wrongly, and a copy of it could be out of date. */
async function takesAll(
  pool: PostgresPool,
  column: string,
  { expression }: ExistingCheck,
  forms: readonly TokenForm[],
): Promise<boolean> {
  for (const { prefix, charsMin } of forms) {
    const { rows } = await pool.query(
      `trying the token check of column ${column}`,
      // As for a row, NULL is not a refusal.
      `SELECT coalesce((${expression}), true) AS takes FROM (SELECT $1::text AS ${quoteIdentifier(column)}) AS sample`,
      [prefix.padEnd(charsMin, "0")],
    );
    if (rows[0]?.["takes"] !== "t") return false;
  }
  return true;
}
