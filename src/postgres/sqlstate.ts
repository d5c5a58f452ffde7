import pg from "pg";
import type { ErrorCode } from "../errors.ts";
import { poolerRefusal } from "./pooler-refusal.ts";

/**
 * What a failure means for the batch that met it.
 * - `retry`: rolled back; the same batch may succeed on the same connection
 * - `reconnect`: the connection is of no use any more, and whether a COMMIT happened may be unknown
 * - `bisect`: a row is at fault: find it and write the others
 * - `doubt`: some rows or the whole table may be at fault, and only the other rows tell
 * - `halt`: the statement, the schema, the rights or piipe is at fault: no row may be blamed
 */
export type Fate = "retry" | "reconnect" | "bisect" | "doubt" | "halt";

/** What of a table refuses a row, where its constraints and types do not. */
export type Refuser = "trigger" | "partition" | "view" | "policy";

export interface SqlStateRule {
  readonly fate: Fate;
  readonly code: ErrorCode;
  /** What happened, without anything of the server's own text: that quotes values. */
  readonly sentence: string;
  readonly hint?: string;
  readonly refuser?: Refuser;
}

const CONNECTION_LOST: SqlStateRule = {
  fate: "reconnect",
  code: "database.unreachable",
  sentence: "the connection to PostgreSQL was lost",
  hint: "If it happens again, look at the server's log, and for a firewall or proxy in between that ends connections.",
};

/** Raised by what its author wrote: the code says what they liked. */
const RAISED: SqlStateRule = {
  fate: "doubt",
  code: "database.refused",
  sentence: "a trigger or function in the database raised an error",
  hint: "Look at the triggers of the target table, and for the error's text in PostgreSQL's log.",
  refuser: "trigger",
};

const CORRUPTED: SqlStateRule = {
  fate: "halt",
  code: "database.refused",
  sentence: "PostgreSQL found damaged data",
  hint: "Look at the server's log: a disk or a backup is to be checked.",
};

/**
 * PgBouncer gives this SQLSTATE to nearly all errors of its own, passing ones such as `query_wait_timeout` and a
 * server that is down among them. Source: PgBouncer, src/proto.c, send_pooler_error.
 */
const POOLER = "08P01";

/**
 * SQLSTATE → rule; the longest prefix decides. Source: PostgreSQL, appendix A, "PostgreSQL Error Codes". Every class
 * that is not named here falls to `UNKNOWN`: extensions and functions give what codes they like to what is in a row.
 */
const RULES: Readonly<Record<string, SqlStateRule>> = {
  "08": CONNECTION_LOST,
  [POOLER]: {
    fate: "reconnect",
    code: "database.unreachable",
    sentence: "PostgreSQL or a connection pooler before it broke off the connection",
    hint: "Look at the pooler's log (PgBouncer: max_client_conn, query_wait_timeout, server_login_retry), then at the server's.",
  },
  "0A": {
    fate: "doubt",
    code: "database.refused",
    sentence: "PostgreSQL does not support a statement of piipe",
    hint: "Check that the server is PostgreSQL 10 or newer, or a service compatible with it.",
  },
  "22": { fate: "bisect", code: "database.refused", sentence: "PostgreSQL refused a value" },
  "23": { fate: "bisect", code: "database.refused", sentence: "a constraint of the table refused a row" },
  "25": {
    fate: "halt",
    code: "database.refused",
    sentence: "PostgreSQL refused a statement in the state that the transaction is in",
    hint: "Look at the server's log, and for a pooler that gives one transaction to two sessions.",
  },
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
  "44": {
    fate: "doubt",
    code: "database.refused",
    sentence: "the CHECK OPTION of a view refused a row",
    hint: "Compare the view's WHERE clause with the events: the table is a view WITH CHECK OPTION, or a trigger writes to one.",
    refuser: "view",
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
  "58": {
    fate: "halt",
    code: "database.refused",
    sentence: "PostgreSQL met an error of its operating system",
    hint: "Look at the server's log, and at its disks.",
  },
  P0: RAISED,
  XX: {
    fate: "doubt",
    code: "database.refused",
    sentence: "PostgreSQL, or an extension of it, met an internal error",
    hint: "Look at the server's log.",
  },
  XX001: CORRUPTED,
  XX002: CORRUPTED,
};

const UNKNOWN: SqlStateRule = {
  fate: "doubt",
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
  fate: "doubt",
  code: "database.refused",
  sentence: "no partition of the table takes a row",
  hint: "Create the missing partition of the target table, or a DEFAULT partition.",
  refuser: "partition",
};

const OTHER_PARTITION: SqlStateRule = {
  fate: "doubt",
  code: "database.refused",
  sentence: "the table is a partition, and a row is outside of its bounds",
  hint: "Write to the partitioned table itself: name it as sink.postgres.table.",
  refuser: "partition",
};

const ROW_SECURITY: SqlStateRule = {
  fate: "doubt",
  code: "database.refused",
  sentence: "row-level security refused a row",
  hint:
    "No GRANT is missing: change the WITH CHECK of the policies that the table has for this user and INSERT, or add " +
    "one, or give the user BYPASSRLS.",
  refuser: "policy",
};

/**
 * The outermost line of a server's context, whatever its language: what was called first. A statement or a value, which may
 * hold the same text, ends with a quotation mark.
 */
const OWN_FUNCTION = /^[^"'«»„“”]*\bpiipe\.\w+\([\w ,[\]]*\)[^"'«»„“”]*$/;

const PREFIX_LENGTHS = [5, 4, 2] as const;

/** The rule for what a query failed with. An error without SQLSTATE comes from the socket or from pg about it. */
export function ruleFor(error: unknown): SqlStateRule {
  const facts = safeFacts(error);
  if (facts === null) return CONNECTION_LOST;
  const rule = (facts.code === POOLER ? poolerRefusal(error) : null) ?? ruleForCode(facts.code);
  const origin = originOf(error);
  if (rule.fate === "retry" || rule.fate === "reconnect") return isOfFunction(facts, origin) ? RAISED : rule;
  if (facts.schema === "piipe" && rule.fate === "bisect") return OWN_TABLE;
  return byOrigin(rule, facts, origin);
}

/**
 * Raised, or of a connection that a function makes, as dblink's. Not what befalls a statement while a function runs, such as
 * a deadlock.
 */
function isOfFunction({ code }: PostgresFacts, origin: Origin): boolean {
  return isRaised(origin) || (origin.isWithin && code.startsWith("08") && code !== POOLER);
}

function isRaised({ routine }: Origin): boolean {
  return routine === "exec_stmt_raise" || routine === "exec_stmt_assert";
}

/** What raised an error tells more than the SQLSTATE: triggers raise any of them. */
function byOrigin(rule: SqlStateRule, { code, constraint }: PostgresFacts, origin: Origin): SqlStateRule {
  const { routine, isWithin, isOfStatement } = origin;
  if (routine === "ExecWithCheckOptions" && code === "42501") return ROW_SECURITY;
  // A violated CHECK has a name.
  const isUnnamedCheck = code === "23514" && constraint === null;
  if (rule.fate === "bisect" && !isUnnamedCheck) return rule;
  if (isRaised(origin)) return RAISED;
  const found = isUnnamedCheck ? (routine === "ExecPartitionCheckEmitError" ? OTHER_PARTITION : NO_PARTITION) : rule;
  if (isWithin) return withinFunction(found);
  const isOfSchema = code.startsWith("42") || code.startsWith("3F");
  return isOfSchema && !isOfStatement ? { ...found, fate: "doubt" } : found;
}

/** What fails within a function fails for what it does with a row, as when its dynamic SQL names a table by the row's day. */
function withinFunction(rule: SqlStateRule): SqlStateRule {
  if (rule.refuser === "trigger") return rule;
  const { code, sentence, hint = "", refuser = "trigger" } = rule;
  return {
    fate: "doubt",
    code: code === "database.denied" ? code : "database.refused",
    sentence: `a trigger or function in the database failed: ${sentence}`,
    hint:
      "Look at the triggers of the target table, and for the error's context in PostgreSQL's log." +
      (code === "database.denied" ? ` ${hint}` : ""),
    refuser,
  };
}

/** Where in the server an error arose. Its text, which quotes values, goes no further. */
interface Origin {
  /** Of the server's source. null: the server does not tell. */
  readonly routine: string | null;
  /** In a function. */
  readonly isWithin: boolean;
  /** Of the statement as it is written, whatever the rows are: its place in the text is told, or a GRANT is missing. */
  readonly isOfStatement: boolean;
}

function originOf(error: unknown): Origin {
  if (!(error instanceof pg.DatabaseError)) return { routine: null, isWithin: false, isOfStatement: true };
  const { routine = null, where = "", position = "", code } = error;
  // piipe's own functions fail for what they were asked.
  if (OWN_FUNCTION.test(where.slice(where.lastIndexOf("\n") + 1)))
    return { routine: null, isWithin: false, isOfStatement: true };
  const isGrant = code === "42501" && routine !== "ExecWithCheckOptions";
  return { routine, isWithin: where !== "", isOfStatement: position !== "" || isGrant };
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
