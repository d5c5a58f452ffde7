import { PiipeError } from "../errors.ts";
import { confirmNames } from "./confirm-names.ts";
import { type ConnectionLink, type PostgresConnection, type PostgresPool, cutOnAbort, rollBack } from "./connection.ts";
import { DatabaseFailure } from "./database-failure.ts";
import { localSettings } from "./local-settings.ts";

export interface TransactionOptions {
  /** Completes "while …" in errors; names things of the configuration only. */
  readonly doing: string;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** It writes the target table. Default: what is read comes in one form, whatever the server's settings are. */
  readonly writesTarget?: boolean;
  /** All statements see the same, and write nothing. */
  readonly isSnapshot?: boolean;
  /** Cuts the connection; whether the transaction was committed is then unknown. */
  readonly abort?: AbortSignal;
  /** Ends with ROLLBACK, also when all went well: a trial. Default: false. */
  readonly rollsBack?: boolean;
}

/** Runs one statement of the transaction. */
export type RunStatement = (
  text: string,
  values?: readonly (string | null)[],
) => ReturnType<PostgresConnection["query"]>;

/** The server ends a transaction whose client is silent for so long: its locks would hold up other workers. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;

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
  const { doing, abort, rollsBack = false } = options;
  const connection = await pool.connect(abort);
  const uncut = cutOnAbort(connection, abort);
  try {
    await connection.query(doing, begin(options, connection.path ?? null));
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

/** One round trip. */
function begin(options: TransactionOptions, path: string | null): string {
  const { statementTimeoutMs, lockTimeoutMs, writesTarget = false, isSnapshot = false } = options;
  return [
    `BEGIN ISOLATION LEVEL ${isSnapshot ? "REPEATABLE READ, READ ONLY" : "READ COMMITTED"}`,
    `SET LOCAL statement_timeout = ${statementTimeoutMs}`,
    `SET LOCAL lock_timeout = ${lockTimeoutMs}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
    "SET LOCAL synchronous_commit = on",
    localSettings(path, { writesTarget }),
  ].join("; ");
}

function rolledBack(doing: string): PiipeError {
  return new PiipeError("database.busy", `PostgreSQL rolled the transaction back at COMMIT, while ${doing}`, {
    retryable: true,
  });
}
