/*
 * What Aurora DSQL refuses of what PostgreSQL takes, as far as a statement's text tells. Sources: "Unsupported PostgreSQL
 * features in Aurora DSQL", "Supported SQL" and "Supported data types" of its user guide; the rules of AWS's dsql-lint 0.2.22;
 * what MiniStack 1.5.33 measured on the service.
 */

export interface Refusal {
  readonly sqlState: string;
  readonly message: string;
}

const refused = (what: string): Refusal => ({ sqlState: "0A000", message: `${what} not supported` });

/** The beginnings of statements that it does not know at all. */
const UNKNOWN_STATEMENTS =
  /^(?:DO|SAVEPOINT|RELEASE|ROLLBACK TO|SET TRANSACTION|LOCK|TRUNCATE|VACUUM|LISTEN|NOTIFY|PREPARE|DECLARE|COPY|CREATE (?:OR REPLACE )?(?:TRIGGER|RULE|PROCEDURE|AGGREGATE|EXTENSION|TYPE|MATERIALIZED|TEMP|TEMPORARY|UNLOGGED)|ALTER (?:ROLE|USER|SYSTEM|POLICY|TYPE|INDEX)|CREATE POLICY)\b/i;

/** Catalogues and functions that are not there, or hold nothing that is true. */
const UNKNOWN_NAMES =
  /\b(pg_(?:try_)?advisory\w*|pg_(?:database|enum|extension|foreign_\w+|partitioned_table|policy|rewrite|trigger)|pg_stat_\w+|pg_is_in_recovery|inet_client_addr|row_security_active|ctid|TABLESAMPLE)\b/i;

const COLUMN_TYPES_WITHOUT = /\b(?:inet|cidr|macaddr8?|jsonb|xml|money|\w+\[\])(?=[\s,)])/i;

/** The settings that a session may change. */
const SETTABLE = /^SET (?:LOCAL |SESSION )?(?:search_path|application_name|client_encoding)\b/i;

/** null: it is taken. @param text one statement, without comments at its beginning */
export function refusalOf(text: string): Refusal | null {
  if (UNKNOWN_STATEMENTS.test(text)) return refused(`${text.slice(0, 20)}… is`);
  if (/^BEGIN ISOLATION LEVEL (?!REPEATABLE READ)/i.test(text)) return refused("the isolation level is");
  if (/^SET CONSTRAINTS\b/i.test(text)) return null;
  if (/^SET\b/i.test(text) && !SETTABLE.test(text)) {
    return refused(`setting configuration parameter "${/^SET (?:LOCAL |SESSION )?(\w+)/i.exec(text)?.[1]}"`);
  }
  const name = UNKNOWN_NAMES.exec(text)?.[1];
  if (name !== undefined) return refused(name);
  if (/^CREATE (?:OR REPLACE )?FUNCTION\b/i.test(text) && !/\bLANGUAGE sql\b/i.test(text))
    return refused("the language");
  if (/^CREATE (?:UNIQUE )?INDEX (?!ASYNC\b)/i.test(text))
    return refused("unsupported mode. please use CREATE INDEX ASYNC");
  if (/^CREATE TABLE\b/i.test(text)) {
    if (/\bPARTITION (?:BY|OF)\b|\bINHERITS\b|\bCOLLATE\b|\) WITH \(|\bREFERENCES\b.*\bNOT ENFORCED\b/i.test(text)) {
      return refused("a clause of CREATE TABLE is");
    }
    if (/\bIDENTITY\b(?! \(.*CACHE)/i.test(text) || /\b(?:big|small)?serial\b/i.test(text))
      return refused("an identity without CACHE");
    const type = COLUMN_TYPES_WITHOUT.exec(text)?.[0];
    if (type !== undefined) return refused(`datatype ${type} is`);
  }
  if (/^ALTER TABLE\b/i.test(text) && !/^ALTER TABLE \S+ ADD COLUMN (?:IF NOT EXISTS )?\S+ \w+$/i.test(text)) {
    return refused("the form of ALTER TABLE is");
  }
  return /\bFOR (?:NO KEY UPDATE|SHARE)\b/i.test(text) ? refused("a locking clause other than FOR UPDATE is") : null;
}

/** What counts: one statement of DDL is alone in its transaction. */
export type StatementKind = "begin" | "commit" | "rollback" | "ddl" | "other";

export function kindOf(text: string): StatementKind {
  if (/^(?:BEGIN|START)\b/i.test(text)) return "begin";
  if (/^(?:COMMIT|END)\b/i.test(text)) return "commit";
  if (/^(?:ROLLBACK|ABORT)\b/i.test(text)) return "rollback";
  return /^(?:CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE)\b/i.test(text) ? "ddl" : "other";
}

/** As PostgreSQL takes it. */
export function translated(text: string): string {
  return text
    .replace(/^(\s*)BEGIN\b(?! ISOLATION)/i, "$1BEGIN ISOLATION LEVEL REPEATABLE READ")
    .replace(/^(\s*CREATE (?:UNIQUE )?INDEX) ASYNC\b/i, "$1");
}

/** Statements of one query: none of ours has a semicolon elsewhere than between them. */
export const statementsIn = (text: string): readonly string[] =>
  text
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
