import { PiipeError } from "../errors.ts";
import { confirmNames } from "./confirm-names.ts";
import { type ConnectionLink, type PostgresConnection, type PostgresPool, cutOnAbort, rollBack } from "./connection.ts";
import { DatabaseFailure } from "./database-failure.ts";
import { type Timeouts, beginStatement } from "./local-settings.ts";

export interface TransactionOptions {
  /** Completes "while …" in errors; names things of the configuration only. */
  readonly doing: string;
  /** Default: those of `TIMEOUTS.usual`. */
  readonly statementTimeoutMs?: number | undefined;
  readonly lockTimeoutMs?: number | undefined;
  /** It writes the target table. Default: what is read comes in one form, whatever the server's settings are. */
  readonly writesTarget?: boolean;
  /** All statements see the same, and write nothing. */
  readonly isSnapshot?: boolean;
  /** Cuts the connection; whether the transaction was committed is then unknown. */
  readonly abort?: AbortSignal | undefined;
  /** Ends with ROLLBACK, also when all went well: a trial. Default: false. */
  readonly rollsBack?: boolean;
}

/** Runs one statement of the transaction. */
export type RunStatement = (
  text: string,
  values?: readonly (string | null)[],
) => ReturnType<PostgresConnection["query"]>;

/** How long a statement may take, and how long it may wait for a lock. In one place, as they wait for each other. */
export const TIMEOUTS = {
  /** A batch, or a few rows. */
  usual: { statementTimeoutMs: 30_000, lockTimeoutMs: 10_000 },
  /** What it holds, others wait for: it must not hold that for long for want of something else. */
  besideOthers: { statementTimeoutMs: 30_000, lockTimeoutMs: 2_000 },
  /** It locks a whole table: while it waits for that, every writer waits behind it. */
  lockingTable: { statementTimeoutMs: 30_000, lockTimeoutMs: 1_000 },
  /** The same, and looks through all of its rows. */
  lockingBigTable: { statementTimeoutMs: 60_000, lockTimeoutMs: 1_000 },
  /** Without an index on a column of tokens the whole table is read: minutes. */
  readingTable: { statementTimeoutMs: 900_000, lockTimeoutMs: 10_000 },
  /** Other workers may be at the same, and are waited for. */
  migrating: { statementTimeoutMs: 60_000, lockTimeoutMs: 30_000 },
} as const satisfies Readonly<Record<string, Timeouts>>;

/**
 * Runs `work` in one transaction and resolves only when PostgreSQL confirmed the COMMIT.
 * @throws {DatabaseFailure} when a statement failed; with fate `reconnect`, whether it was committed may be unknown
 * @throws {PiipeError} `interrupted` when `abort` fired; `database.busy` when COMMIT rolled back
 */
export async function inTransaction<T>(
  pool: PostgresPool,
  options: TransactionOptions,
  work: (run: RunStatement, link: ConnectionLink) => Promise<T>,
): Promise<T> {
  const { doing, abort, rollsBack = false, isSnapshot = false, writesTarget = false } = options;
  const { usual } = TIMEOUTS;
  const timeouts = {
    statementTimeoutMs: options.statementTimeoutMs ?? usual.statementTimeoutMs,
    lockTimeoutMs: options.lockTimeoutMs ?? usual.lockTimeoutMs,
  };
  const connection = await pool.connect(abort);
  const uncut = cutOnAbort(connection, abort);
  try {
    await connection.query(doing, beginStatement(connection.session, { isSnapshot, timeouts, writesTarget }));
    const result = await work((text, values) => connection.query(doing, text, values), connection.link);
    const { command } = await connection.query(doing, rollsBack ? "ROLLBACK" : "COMMIT");
    // Committing an aborted transaction is no error to PostgreSQL: it answers with the tag ROLLBACK.
    if (!rollsBack && command !== "COMMIT") throw rolledBack(doing);
    return result;
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.fate !== "reconnect") await rollBack(connection);
    else connection.destroy();
    if (abort?.aborted === true) throw new PiipeError("interrupted", `stopped while ${doing}`);
    throw await confirmNames(error, pool, connection);
  } finally {
    uncut();
    connection.release();
  }
}

/**
 * Runs `work` as a part of a transaction: what it throws undoes the part alone.
 * @param undoes also when all went well. Default: false
 */
export async function inSavepoint<T>(
  run: RunStatement,
  work: () => Promise<T>,
  { undoes = false }: { readonly undoes?: boolean } = {},
): Promise<T> {
  await run("SAVEPOINT part");
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.fate !== "reconnect") await run(UNDO_PART);
    throw error;
  }
  await run(undoes ? UNDO_PART : RELEASE_PART);
  return result;
}

const RELEASE_PART = "RELEASE SAVEPOINT part";
const UNDO_PART = `ROLLBACK TO SAVEPOINT part; ${RELEASE_PART}`;

function rolledBack(doing: string): PiipeError {
  return new PiipeError("database.busy", `PostgreSQL rolled the transaction back at COMMIT, while ${doing}`, {
    retryable: true,
  });
}
