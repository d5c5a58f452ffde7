import pg from "pg";

import type { ErrorCode } from "../errors.ts";

/**
 * What a failure means for the batch that met it.
 * - `retry`: rolled back; the same batch may succeed on the same connection
 * - `reconnect`: the connection is of no use any more, and whether a COMMIT happened may be unknown
 * - `bisect`: a row is at fault: find it and write the others
 * - `halt`: the schema, the rights or piipe is at fault: no row may be blamed
 */
export type Fate = "retry" | "reconnect" | "bisect" | "halt";

export interface SqlStateRule {
  readonly fate: Fate;
  readonly code: ErrorCode;
  /** What happened, without anything of the server's own text: that quotes values. */
  readonly sentence: string;
  readonly hint?: string;
}

const CONNECTION_LOST: SqlStateRule = {
  fate: "reconnect",
  code: "database.unreachable",
  sentence: "the connection to PostgreSQL was lost",
  hint: "If it happens again, look at the server's log, and for a firewall or proxy in between that ends connections.",
};

/**
 * PgBouncer gives this SQLSTATE to nearly all errors of its own, passing ones such as `query_wait_timeout` and a
 * server that is down among them. Source: PgBouncer, src/proto.c, send_pooler_error.
 */
const POOLER = "08P01";

/** How the messages begin that only a change of the configuration ends. Source: PgBouncer, src/client.c. */
const POOLER_REFUSALS = /^(?:no such database|no such user|unsupported startup parameter)/i;

const POOLER_REFUSED: SqlStateRule = {
  fate: "halt",
  code: "database.refused",
  sentence: "the connection pooler does not take the database, the user or a startup parameter",
  hint:
    "Check database and user in sink.postgres.url against the pooler's configuration (PgBouncer: [databases], " +
    "auth_file, ignore_startup_parameters).",
};

/**
 * SQLSTATE → rule; the longest prefix decides. Source: PostgreSQL, appendix A, "PostgreSQL Error Codes". Every class
 * that is not named here falls to `UNKNOWN`: a halt loses nothing, while blaming rows could quarantine a whole queue.
 */
const RULES: Readonly<Record<string, SqlStateRule>> = {
  "08": CONNECTION_LOST,
  [POOLER]: {
    fate: "reconnect",
    code: "database.unreachable",
    sentence: "PostgreSQL or a connection pooler before it broke off the connection",
    hint: "Look at the pooler's log (PgBouncer: server_login_retry, query_wait_timeout), then at the server's.",
  },
  "0A": {
    fate: "halt",
    code: "database.refused",
    sentence: "PostgreSQL does not support a statement of piipe",
    hint: "Check that the server is PostgreSQL 10 or newer, or a service compatible with it.",
  },
  "22": { fate: "bisect", code: "database.refused", sentence: "PostgreSQL refused a value" },
  "23": { fate: "bisect", code: "database.refused", sentence: "a constraint of the table refused a row" },
  "25006": {
    fate: "reconnect",
    code: "database.unavailable",
    sentence: "the PostgreSQL server is read-only",
    hint: "It is a standby, or set to read-only: connect to the writable one.",
  },
  "25P03": {
    fate: "reconnect",
    code: "database.busy",
    sentence: "PostgreSQL ended a transaction that stood idle for too long",
  },
  "25P04": { fate: "reconnect", code: "database.busy", sentence: "PostgreSQL ended a transaction that took too long" },
  "28": {
    fate: "halt",
    code: "database.credentials",
    sentence: "PostgreSQL refused the user or the password",
    hint: "Check user and password in sink.postgres.url, and that pg_hba.conf lets this user in from here (with or without TLS).",
  },
  "3D": {
    fate: "halt",
    code: "database.not-found",
    sentence: "the database does not exist",
    hint: "Check the database's name at the end of sink.postgres.url, or create it with `createdb`.",
  },
  "3F": {
    fate: "halt",
    code: "database.table-missing",
    sentence: "a schema does not exist",
    hint: "Create the schema, or run `piipe migrate`.",
  },
  "40": { fate: "retry", code: "database.busy", sentence: "PostgreSQL rolled back in favour of another transaction" },
  "40003": CONNECTION_LOST,
  "42": {
    fate: "halt",
    code: "database.refused",
    sentence: "PostgreSQL refused a statement",
    hint: "Run `piipe check`: the table may have changed since the start.",
  },
  "42501": {
    fate: "halt",
    code: "database.denied",
    sentence: "the PostgreSQL user lacks a right",
    hint:
      "Grant it: `run` needs INSERT on the target table, USAGE on the schema piipe, and SELECT, INSERT, UPDATE and " +
      "DELETE on its tables; `migrate` also needs CREATE on the database.",
  },
  "42703": {
    fate: "halt",
    code: "database.table-mismatch",
    sentence: "a column does not exist",
    hint: "Run `piipe check`: the table has changed since the start.",
  },
  "42804": {
    fate: "halt",
    code: "database.table-mismatch",
    sentence: "a column has another type than at the start",
    hint: "Run `piipe check`: the table has changed since the start.",
  },
  "428C9": {
    fate: "halt",
    code: "database.table-mismatch",
    sentence: "a column is generated by PostgreSQL and cannot be written",
    hint: "Take the column out of the configuration.",
  },
  "42P01": {
    fate: "halt",
    code: "database.table-missing",
    sentence: "a table does not exist",
    hint: "Run `piipe migrate`.",
  },
  "53": {
    fate: "reconnect",
    code: "database.unavailable",
    sentence: "PostgreSQL is out of memory, disk space or connections",
  },
  "54": { fate: "bisect", code: "database.refused", sentence: "a row exceeds a limit of PostgreSQL" },
  "55P03": {
    fate: "retry",
    code: "database.busy",
    sentence: "PostgreSQL gave up waiting for a lock of another transaction",
  },
  "57014": { fate: "retry", code: "database.busy", sentence: "PostgreSQL cancelled a statement that took too long" },
  "57P0": {
    fate: "reconnect",
    code: "database.unavailable",
    sentence: "PostgreSQL is starting, stopping or ended the connection",
  },
  P0: {
    fate: "halt",
    code: "database.refused",
    sentence: "a trigger or function in the database raised an error",
    hint: "Look at the triggers of the target table.",
  },
  XX: {
    fate: "halt",
    code: "database.refused",
    sentence: "PostgreSQL met an internal error",
    hint: "Look at the server's log.",
  },
};

const UNKNOWN: SqlStateRule = {
  fate: "halt",
  code: "database.refused",
  sentence: "PostgreSQL refused a statement",
  hint: "Look up the SQLSTATE in PostgreSQL's appendix A, and the details in the server's log.",
};

const OWN_TABLE: SqlStateRule = {
  fate: "halt",
  code: "database.refused",
  sentence: "one of piipe's own tables refused a row",
  hint: "Run `piipe migrate`; undo what was changed by hand in the schema piipe.",
};

const NO_PARTITION: SqlStateRule = {
  fate: "halt",
  code: "database.refused",
  sentence: "no partition of the table takes a row",
  hint: "Create the missing partition of the target table, or a DEFAULT partition.",
};

const PREFIX_LENGTHS = [5, 4, 2] as const;

/** The rule for what a query failed with. An error without SQLSTATE comes from the socket or from pg about it. */
export function ruleFor(error: unknown): SqlStateRule {
  const facts = safeFacts(error);
  if (facts === null) return CONNECTION_LOST;
  if (facts.code === POOLER && error instanceof Error && POOLER_REFUSALS.test(error.message)) return POOLER_REFUSED;
  const rule = ruleForCode(facts.code);
  if (rule.fate !== "bisect") return rule;
  if (facts.schema === "piipe") return OWN_TABLE;
  // A violated CHECK has a name; a row without partition is 23514 too and has none. The row is not to blame.
  if (facts.code === "23514" && facts.constraint === null) return NO_PARTITION;
  return rule;
}

function ruleForCode(code: string): SqlStateRule {
  for (const length of PREFIX_LENGTHS) {
    const rule = RULES[code.slice(0, length)];
    if (rule !== undefined) return rule;
  }
  return UNKNOWN;
}

/** What may be known of a PostgreSQL error outside this folder. Message, detail, hint, where and query quote values. */
export interface PostgresFacts {
  /** The SQLSTATE. */
  readonly code: string;
  readonly schema: string | null;
  readonly table: string | null;
  readonly column: string | null;
  readonly constraint: string | null;
}

/** null when the error did not come from the server. */
export function safeFacts(error: unknown): PostgresFacts | null {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return null;
  return {
    code: error.code,
    schema: error.schema ?? null,
    table: error.table ?? null,
    column: error.column ?? null,
    constraint: error.constraint ?? null,
  };
}
