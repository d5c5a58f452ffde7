import type { Dialect } from "./dialect.ts";

/** What every connection of a pool has in common. */
export interface Session {
  readonly dialect: Dialect;
  /** As `pathSetting` gives it. */
  readonly path: string | null;
  /** Whether a transaction sets what it needs for itself; otherwise the role has it: see role-settings.ts. */
  readonly sendsSettings: boolean;
}

/**
 * What a server, a database or a user may have set otherwise, and what would make the same statement mean something else.
 * `backslash_quote` and `escape_string_warning` need nothing: no text of ours depends on them. `client_encoding` is in
 * the startup packet, and so before them. `default_transaction_read_only` stays: whoever set it wants no writes.
 * `session_replication_role` is for superusers: it is told of, and not set.
 */
export const MEANING = {
  // NULL in an array literal would be the text NULL: in every column, a masked one too.
  array_nulls: "on",
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  // In the catalogue's functions that show names.
  quote_all_identifiers: "off",
} as const;

/** The forms of what is read: ISO, UTC, and as many digits as give the same number again. */
export const FORMS = {
  DateStyle: "ISO",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  bytea_output: "hex",
  xmlbinary: "base64",
  extra_float_digits: "3",
} as const;

/** How long things may take, in milliseconds. */
export interface Timeouts {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
}

/** The server ends a transaction whose client is silent for so long: its locks would hold up other workers. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;

const settingAll = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `SET LOCAL ${name} = '${value}'`)
    .join("; ");

const MEANINGS: string = settingAll(MEANING);
const MEANINGS_AND_FORMS: string = settingAll({ ...MEANING, ...FORMS });

export interface Beginning {
  /** All statements see the same, and write nothing. Default: each sees what was committed before it. */
  readonly isSnapshot?: boolean;
  /** null: those of the server. */
  readonly timeouts: Timeouts | null;
  /** Triggers, defaults and functions of the target table run in it: they see the forms that they know. */
  readonly writesTarget: boolean;
}

/**
 * Begins a transaction, with the settings that its statements are meant for: one round trip. SET LOCAL ends with the
 * transaction: behind a pooler the session belongs to others as well.
 */
export function beginStatement(
  { dialect, path, sendsSettings }: Session,
  { isSnapshot = false, timeouts, writesTarget }: Beginning,
): string {
  const begin = isSnapshot ? dialect.beginSnapshot : dialect.begin;
  if (!sendsSettings) return begin;
  return [
    begin,
    ...(timeouts === null ? [] : timeoutSettings(timeouts)),
    writesTarget ? MEANINGS : MEANINGS_AND_FORMS,
    ...(path === null ? [] : [path]),
  ].join("; ");
}

const timeoutSettings = ({ statementTimeoutMs, lockTimeoutMs }: Timeouts): readonly string[] => [
  `SET LOCAL statement_timeout = ${statementTimeoutMs}`,
  `SET LOCAL lock_timeout = ${lockTimeoutMs}`,
  `SET LOCAL idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
  "SET LOCAL synchronous_commit = on",
];

/**
 * A path that names pg_catalog behind a schema with types and functions of the same names, such as orafce's, would give us
 * those. Unnamed, it is the first. The rest of the path is for the triggers and defaults of the table, and stays.
 * @param searchPath as SHOW gives it
 * @returns null: there is nothing to set
 */
export function pathSetting(searchPath: string): string | null {
  const schemas = searchPath.match(/(?:"(?:[^"]|"")*"|[^,"])+/g)?.map((schema) => schema.trim()) ?? [];
  const others = schemas.filter((schema) => schema !== "pg_catalog" && schema !== '"pg_catalog"');
  if (others.length === schemas.length) return null;
  return `SET LOCAL search_path = ${others.length === 0 ? "''" : others.join(", ")}`;
}
