import type { SqlStateRule } from "./sqlstate-rule.ts";

const CREDENTIALS: SqlStateRule = {
  fate: "halt",
  code: "database.credentials",
  sentence: "the connection pooler, or PostgreSQL behind it, refused the user or the password",
  hint:
    "Check user and password in sink.postgres.url, and that the pooler knows them (PgBouncer: auth_file, auth_query) " +
    "as well as the server.",
};

const NO_DATABASE: SqlStateRule = {
  fate: "halt",
  code: "database.not-found",
  sentence: "the database does not exist",
  hint: "Check the database's name at the end of sink.postgres.url, and the one that the pooler makes of it (PgBouncer: [databases]).",
};

const REFUSED: SqlStateRule = {
  fate: "halt",
  code: "database.refused",
  sentence: "the connection pooler does not take the database or a startup parameter",
  hint:
    "Check the database in sink.postgres.url against the pooler's configuration (PgBouncer: [databases], " +
    "ignore_startup_parameters).",
};

const STATEMENT_MODE: SqlStateRule = {
  fate: "halt",
  code: "database.refused",
  sentence: "the connection pooler is in statement mode, which allows no transactions",
  hint: "Set the pooler to transaction mode for this database (PgBouncer: pool_mode = transaction); session mode works too.",
};

/** By how the message begins. Source: PgBouncer, src/client.c and src/server.c; PostgreSQL, where PgBouncer passes it on. */
const REFUSALS: ReadonlyArray<readonly [RegExp, SqlStateRule]> = [
  [/^(?:no such user|SASL authentication failed)/i, CREDENTIALS],
  [/^(?:password authentication failed|role ".*" does not exist|no pg_hba\.conf entry)/, CREDENTIALS],
  [/^database ".*" does not exist/, NO_DATABASE],
  [/^(?:no such database|unsupported startup parameter)/i, REFUSED],
  [/^transaction blocks not allowed in statement pooling mode/, STATEMENT_MODE],
];

/**
 * The rule for an error of PgBouncer's own that only a change of the configuration ends; null: it may pass. PgBouncer
 * gives all of them one SQLSTATE, also those in which it passes on why the server refused its login.
 */
export function poolerRefusal(error: unknown): SqlStateRule | null {
  if (!(error instanceof Error)) return null;
  return REFUSALS.find(([message]) => message.test(error.message))?.[1] ?? null;
}
