import { inspect } from "node:util";
import pg from "pg";
import { expect, test } from "vitest";
import { databaseFailure } from "./database-failure.ts";
import { ruleFor } from "./sqlstate.ts";

interface Fields {
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  readonly where?: string;
  readonly position?: string | undefined;
  readonly routine?: string;
}

/** Of the statement itself, unless the fields say otherwise. */
function serverError(code: string, fields: Fields = {}): pg.DatabaseError {
  const error = new pg.DatabaseError('value "canary" is bad', 100, "error");
  return Object.assign(error, { code, detail: "Key (t)=(canary)", position: "8", hint: "canary", ...fields });
}

// Names: PostgreSQL, appendix A, "PostgreSQL Error Codes".
test.each([
  ["08006", "connection_failure", "reconnect", "database.unreachable"],
  ["08P01", "protocol_violation", "reconnect", "database.unreachable"],
  ["0A000", "feature_not_supported", "doubt", "database.refused"],
  ["22001", "string_data_right_truncation", "bisect", "database.refused"],
  ["22P05", "untranslatable_character", "bisect", "database.refused"],
  ["23505", "unique_violation", "bisect", "database.refused"],
  ["25006", "read_only_sql_transaction", "reconnect", "database.unavailable"],
  ["25P02", "in_failed_sql_transaction", "halt", "database.refused"],
  ["25P03", "idle_in_transaction_session_timeout", "reconnect", "database.busy"],
  ["28P01", "invalid_password", "halt", "database.credentials"],
  ["3D000", "invalid_catalog_name", "halt", "database.not-found"],
  ["3F000", "invalid_schema_name", "halt", "database.table-missing"],
  ["40001", "serialization_failure", "retry", "database.busy"],
  ["40003", "statement_completion_unknown", "reconnect", "database.unreachable"],
  ["40P01", "deadlock_detected", "retry", "database.busy"],
  ["42501", "insufficient_privilege", "halt", "database.denied"],
  ["42601", "syntax_error", "halt", "database.refused"],
  ["42703", "undefined_column", "halt", "database.table-mismatch"],
  ["42P01", "undefined_table", "halt", "database.table-missing"],
  ["53100", "disk_full", "reconnect", "database.unavailable"],
  ["53300", "too_many_connections", "reconnect", "database.unavailable"],
  ["54000", "program_limit_exceeded", "bisect", "database.refused"],
  ["55P03", "lock_not_available", "retry", "database.busy"],
  ["55000", "object_not_in_prerequisite_state", "doubt", "database.refused"],
  ["57014", "query_canceled", "retry", "database.busy"],
  ["57P01", "admin_shutdown", "reconnect", "database.unavailable"],
  ["57P03", "cannot_connect_now", "reconnect", "database.unavailable"],
  ["58030", "io_error", "halt", "database.refused"],
  ["P0001", "raise_exception", "doubt", "database.refused"],
  ["44000", "with_check_option_violation", "doubt", "database.refused"],
  ["XX000", "internal_error", "doubt", "database.refused"],
  ["XX001", "data_corrupted", "halt", "database.refused"],
  ["ZZ999", "of no class", "doubt", "database.refused"],
])("%s (%s): %s, %s", (sqlState, _, fate, code) => {
  const rule = ruleFor(serverError(sqlState, { constraint: "c" }));
  expect({ fate: rule.fate, code: rule.code }).toEqual({ fate, code });
});

// Messages: PgBouncer, src/client.c, src/server.c, src/objects.c and src/janitor.c.
test.each([
  ["no such database: canary", "halt", "database.refused"],
  ["No such database: canary", "halt", "database.refused"],
  ["No such user: canary", "halt", "database.credentials"],
  ["SASL authentication failed", "halt", "database.credentials"],
  ['password authentication failed for user "canary"', "halt", "database.credentials"],
  ['role "canary" does not exist', "halt", "database.credentials"],
  ['no pg_hba.conf entry for host "canary"', "halt", "database.credentials"],
  ['database "canary" does not exist', "halt", "database.not-found"],
  ["transaction blocks not allowed in statement pooling mode", "halt", "database.refused"],
  ["no more connections allowed (max_client_conn)", "reconnect", "database.unreachable"],
  ['the database system is starting up (or "canary" does not exist)', "reconnect", "database.unreachable"],
  ["unsupported startup parameter: canary", "halt", "database.refused"],
  ["query_wait_timeout", "reconnect", "database.unreachable"],
  ["server conn crashed?", "reconnect", "database.unreachable"],
  ["server login has been failing, try again later (server_login_retry)", "reconnect", "database.unreachable"],
  ["pgbouncer cannot connect to server", "reconnect", "database.unreachable"],
])("PgBouncer's 08P01 “%s”: %s, %s", (message, fate, code) => {
  const error = Object.assign(new pg.DatabaseError(message, 100, "error"), { code: "08P01" });
  const failure = databaseFailure(error, "writing");
  expect(failure).toMatchObject({ fate, code, retryable: fate === "reconnect", sqlState: "08P01" });
  expect(failure.hint).toContain("pooler");
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain("canary");
});

test("a lost connection has a hint", () => {
  expect(ruleFor(new Error("Connection terminated unexpectedly")).hint).toContain("server's log");
});

test.each([
  ["a constraint of piipe's ledger", "23514", { schema: "piipe", table: "ledger", constraint: "c" }],
  ["NOT NULL in piipe's quarantine", "23502", { schema: "piipe", table: "quarantine", column: "source" }],
  ["a limit met by piipe's ledger", "54000", { schema: "piipe", table: "ledger" }],
])("%s is no row's fault", (_, code, fields) => {
  expect(ruleFor(serverError(code, fields)).fate).toBe("halt");
});

const RAISED = "a trigger or function in the database raised an error";
const FUNCTION = { where: "canary", position: undefined };

// Routines: PostgreSQL, pl_exec.c, execMain.c, execPartition.c and aclchk.c.
test.each<[what: string, code: string, fields: Fields, sentence: string, refuser: string | null, errorCode: string]>([
  ["RAISE", "P0001", { ...FUNCTION, routine: "exec_stmt_raise" }, RAISED, "trigger", "database.refused"],
  ["ASSERT", "P0004", { ...FUNCTION, routine: "exec_stmt_assert" }, RAISED, "trigger", "database.refused"],
  ["RAISE as a CHECK", "23514", { ...FUNCTION, routine: "exec_stmt_raise" }, RAISED, "trigger", "database.refused"],
  ["RAISE as no table", "42P01", { ...FUNCTION, routine: "exec_stmt_raise" }, RAISED, "trigger", "database.refused"],
  ["RAISE as no GRANT", "42501", { ...FUNCTION, routine: "exec_stmt_raise" }, RAISED, "trigger", "database.refused"],
  ["RAISE as no login", "28000", { ...FUNCTION, routine: "exec_stmt_raise" }, RAISED, "trigger", "database.refused"],
  [
    "a function's missing table",
    "42P01",
    FUNCTION,
    "function in the database failed: a table",
    "trigger",
    "database.refused",
  ],
  ["a function's missing right", "42501", FUNCTION, "failed: the PostgreSQL user lacks", "trigger", "database.denied"],
  [
    "a row without partition",
    "23514",
    { routine: "ExecFindPartition" },
    "no partition",
    "partition",
    "database.refused",
  ],
  ["the same of another server", "23514", {}, "no partition", "partition", "database.refused"],
  ["the same in a function", "23514", FUNCTION, "failed: no partition", "partition", "database.refused"],
  [
    "another partition's row",
    "23514",
    { routine: "ExecPartitionCheckEmitError" },
    "bounds",
    "partition",
    "database.refused",
  ],
  [
    "row-level security",
    "42501",
    { routine: "ExecWithCheckOptions" },
    "row-level security",
    "policy",
    "database.refused",
  ],
  ["a view's CHECK OPTION", "44000", { routine: "ExecWithCheckOptions" }, "CHECK OPTION", "view", "database.refused"],
  ["a value read as syntax", "42601", { position: undefined }, "refused a statement", null, "database.refused"],
])("%s (%s) may be a row's fault as well as the table's", (_, code, fields, sentence, refuser, errorCode) => {
  const failure = databaseFailure(serverError(code, fields), "writing");
  expect(failure).toMatchObject({ fate: "doubt", refuser, code: errorCode, retryable: false, mayBeData: true });
  expect(failure.message).toContain(sentence);
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain("canary");
});

test.each(["08006", "08P01", "25006", "25P03", "40001", "40P01", "53200", "55P03", "57014", "57P01"])(
  "%s that a function raises is not about the connection",
  (code) => {
    for (const routine of ["exec_stmt_raise", "exec_stmt_assert"]) {
      expect(ruleFor(serverError(code, { ...FUNCTION, routine }))).toMatchObject({ fate: "doubt", refuser: "trigger" });
    }
  },
);

test.each(["08001", "08006"])("%s within a function is about another connection than ours", (code) => {
  expect(ruleFor(serverError(code, { ...FUNCTION, routine: "dblink_get_conn" })).fate).toBe("doubt");
});

// Contexts: PostgreSQL, pl_exec.c, plpgsql_exec_error_callback; spi.c, _SPI_error_callback; params.c, ParamsErrorCallback.
const VALUE = "x piipe.canonical(text) line 1";
test.each([
  ["dynamic SQL", `SQL statement "SELECT '${VALUE}'"\nPL/pgSQL function refuse() line 3 at EXECUTE`],
  ["dynamic SQL of many lines", `SQL statement "SELECT '\n${VALUE}\n'"\nPL/pgSQL function refuse() line 3 at EXECUTE`],
  ["dynamic SQL of a trigger in C", `SQL statement "SELECT '\n${VALUE}'"`],
  [
    "a statement's values",
    `PL/pgSQL function refuse() line 3 at RAISE\nunnamed portal with parameters: $1 = '${VALUE}'`,
  ],
  [
    "a trigger that calls it",
    "PL/pgSQL function piipe.canonical(text,text) line 3 at SQL statement\nPL/pgSQL function refuse() line 2 at assignment",
  ],
])("a value in the context, as of %s, makes no fault of piipe's", (_, where) => {
  const fields = { where, position: undefined };
  expect(ruleFor(serverError("42P01", fields)).fate).toBe("doubt");
  expect(ruleFor(serverError("P0001", { ...fields, routine: "exec_stmt_raise" })).fate).toBe("doubt");
  expect(ruleFor(serverError("40001", { ...fields, routine: "exec_stmt_raise" })).fate).toBe("doubt");
});

test.each([
  "PL/pgSQL function piipe.duplicates(text,text,text,text,integer) line 20 at RETURN QUERY",
  "PL/pgSQL-Funktion piipe.duplicates(text,text,text,text,integer) Zeile 20 bei RETURN QUERY",
])("a function of piipe's own fails for what it was asked (%s)", (where) => {
  const inner = `SQL statement "SELECT 1 FROM gone"\n${where}`;
  expect(ruleFor(serverError("42P01", { where: inner, position: undefined })).fate).toBe("halt");
});

test("row-level security is no missing GRANT, and says so", () => {
  expect(ruleFor(serverError("42501", { routine: "ExecWithCheckOptions" })).hint).toContain("No GRANT is missing");
  expect(ruleFor(serverError("42501", { position: undefined, routine: "aclcheck_error" }))).toMatchObject({
    fate: "halt",
    code: "database.denied",
  });
});

test.each([["EPIPE"], ["ECONNRESET"]])("a socket's %s is no SQLSTATE, though five letters look like one", (code) => {
  const failure = databaseFailure(Object.assign(new Error("socket"), { code }), "writing");
  expect(failure).toMatchObject({ fate: "reconnect", code: "database.unreachable", retryable: true, sqlState: null });
});

test("a failure names where, and nothing of the server's text", () => {
  const failure = databaseFailure(
    serverError("23505", { schema: "public", table: "events", constraint: "events_key" }),
    "writing to events",
  );
  expect(failure.message).toBe(
    "a constraint of the table refused a row, while writing to events " +
      "(SQLSTATE 23505, table public.events, constraint events_key)",
  );
  expect(failure).toMatchObject({ sqlState: "23505", retryable: false });
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain("canary");
});
