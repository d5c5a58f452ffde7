/**
 * The second of piipe's three kinds of error: the world failed (a service, the configuration, the keys).
 * Bad data is a `Rejection` value, never thrown; a bug is any other exception.
 */

/** Every way the world can fail, as a stable name that operators can search for. Documented in docs/errors.md. */
export const ERROR_CODES = {
  "usage.invalid": "the command line is wrong",
  "config.not-found": "the configuration file cannot be read",
  "config.invalid": "the configuration is wrong",
  "config.exists": "a configuration stands where a new one was to be written",
  "sample.invalid": "the sample holds no events that columns can be inferred from",
  "keys.missing": "a mask or the quarantine needs a key and there is none",
  "keys.invalid": "the keyring is malformed",
  "keys.unsafe": "the keyring can be read or changed by others",
  "keys.mismatch": "the keyring is another than the one that made the stored tokens",
  "keys.exists": "a key file stands where a new one was to be written",
  "keys.unfinished": "stored tokens of an older key remain that should have been rewritten",
  "keys.conflict": "a change does not fit the state of the keyring, or another change was faster",
  "queue.region-missing": "no AWS region is configured",
  "queue.credentials": "no AWS credentials were found, or AWS refused them",
  "queue.denied": "the AWS identity may not use the queue",
  "queue.empty": "the queue gives no message to look at",
  "queue.not-found": "the queue does not exist",
  "queue.unreachable": "the queue's endpoint cannot be reached",
  "queue.throttled": "SQS asks to slow down",
  "queue.unavailable": "SQS answered with a server error or an unreadable reply",
  "queue.refused": "SQS refused a request as wrong",
  "s3.unreachable": "S3's endpoint cannot be reached",
  "s3.denied": "the AWS identity may not use an object",
  "s3.throttled": "S3 asks to slow down",
  "s3.unavailable": "S3 answered with a server error or an unreadable reply",
  "s3.refused": "S3 refused a request as wrong",
  "secrets.unavailable": "AWS Secrets Manager cannot be reached, or does not give a secret now",
  "secrets.unusable": "a secret is not there, may not be read, or does not hold what it should",
  "database.unreachable": "PostgreSQL cannot be reached, or the connection was lost",
  "database.credentials": "PostgreSQL refused the user or the password",
  "database.denied": "the PostgreSQL user lacks a right",
  "database.not-found": "the database does not exist",
  "database.busy": "PostgreSQL gave way to a concurrent transaction or a timeout",
  "database.unavailable": "PostgreSQL is out of resources, read-only, or shutting down",
  "database.not-migrated": "piipe's own tables are missing or too old",
  "database.table-missing": "the table does not exist",
  "database.table-mismatch": "the table's columns cannot hold what the configuration writes",
  "database.settings": "the PostgreSQL role lacks settings that the configuration leaves to it",
  "database.refused": "PostgreSQL refused a statement as wrong",
  "data.beyond-limit": "too large a share of the events was refused",
  "lambda.event": "a function was invoked with something other than messages of its queue",
  "embedded.missing": "the packages that the demo needs are not installed",
  "embedded.failed": "a local server of the demo did not start",
  "metrics.address": "the address of the metrics cannot be listened on",
  "dashboard.address": "the address of the dashboard cannot be listened on",
  "dashboard.refused": "the dashboard does not answer such a request",
  "dashboard.failed": "the dashboard met a bug; the pipeline goes on",
  "worker.died": "a worker of `run --workers` was killed, or could not be started, again and again",
  interrupted: "the work was cut short by a signal",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface PiipeErrorOptions {
  /** True when the same call may succeed later without anyone changing anything. Default: false. */
  readonly retryable?: boolean;
  /** True when other data may pass: what failed is at fault, or all that there is. Default: false. */
  readonly mayBeData?: boolean;
  /** What the reader can do about it: one imperative sentence or more. Never quotes data. */
  readonly hint?: string;
  /** PostgreSQL's SQLSTATE, where the error came with one. */
  readonly sqlState?: string;
  /** Kept for programs; never printed, since foreign errors quote data. */
  readonly cause?: unknown;
}

/** An error whose `message` and `hint` are safe to print: they name things of the configuration, never values of events. */
export class PiipeError extends Error {
  override readonly name = "PiipeError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly mayBeData: boolean;
  readonly hint: string | null;
  readonly sqlState: string | null;

  constructor(code: ErrorCode, message: string, options: PiipeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.mayBeData = options.mayBeData ?? false;
    this.hint = options.hint ?? null;
    this.sqlState = options.sqlState ?? null;
  }
}
