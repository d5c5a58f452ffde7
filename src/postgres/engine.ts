/*
 * Which product the server is. What it can do is asked of its dialect, never of its name: this is for people, and for the
 * choice of the dialect.
 */

/** - `supported`: all commands are tested on it
 * - `partial`: some commands work, others are refused
 * - `stand-in`: tested over a stand-in that refuses what it refuses, never on the service itself
 * - `not-run`: known from its documentation alone
 */
export type EngineStanding = "supported" | "partial" | "stand-in" | "not-run";

export interface Engine {
  readonly name: string;
  readonly standing: EngineStanding;
}

export const ENGINES = {
  postgresql: { name: "PostgreSQL", standing: "supported" },
  citus: { name: "Citus", standing: "partial" },
  dsql: { name: "Aurora DSQL", standing: "stand-in" },
  cockroachdb: { name: "CockroachDB", standing: "not-run" },
  yugabytedb: { name: "YugabyteDB", standing: "not-run" },
  alloydb: { name: "AlloyDB", standing: "not-run" },
} as const satisfies Readonly<Record<string, Engine>>;

export type EngineKind = keyof typeof ENGINES;

/**
 * SQL: what tells the products apart, as columns of a SELECT. By the catalogue's tables: to_regclass fails in a schema that
 * the user may not use.
 */
export const ENGINE_COLUMNS = `
  pg_catalog.version() AS version,
  pg_catalog.current_setting('alloydb.iam_authentication', true) AS of_alloydb,
  EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'pg_dist_partition' AND n.nspname = 'pg_catalog') AS of_citus,
  EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'iam_pg_role_mappings' AND n.nspname = 'sys') AS of_dsql`;

/** @param row of `ENGINE_COLUMNS` */
export function engineOf(row: Readonly<Record<string, string | null>>): EngineKind {
  const version = row["version"] ?? "";
  if (version.startsWith("CockroachDB")) return "cockroachdb";
  // Such as `PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64-pc-linux-gnu`.
  if (/^PostgreSQL \S+-YB-/.test(version)) return "yugabytedb";
  if (row["of_dsql"] === "t") return "dsql";
  if (row["of_citus"] === "t") return "citus";
  if (typeof row["of_alloydb"] === "string") return "alloydb";
  return "postgresql";
}

/** What to know before one relies on it, as a sentence; null: nothing. */
export function engineWarning(kind: EngineKind): string | null {
  const { name, standing } = ENGINES[kind];
  switch (standing) {
    case "supported":
      return null;
    case "partial":
      return `the database is ${name}, on which not every command of piipe works`;
    case "stand-in":
      return `the database is ${name}: piipe is tested over a stand-in that refuses what it refuses, not on the service itself`;
    case "not-run":
      return `the database is ${name}, on which piipe was never run`;
  }
}

export const ENGINE_REMEDY = "docs/databases.md says what is known; try it with a copy of the table first.";
