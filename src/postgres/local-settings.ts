/**
 * What a server, a database or a user may have set otherwise, and what would make the same statement mean something else.
 * `backslash_quote` and `escape_string_warning` need nothing: no text of ours depends on them. `client_encoding` is in
 * the startup packet, and so before them. `default_transaction_read_only` stays: whoever set it wants no writes.
 * `session_replication_role` is for superusers: it is told of, and not set.
 */
const MEANING = [
  // NULL in an array literal would be the text NULL: in every column, a masked one too.
  "SET LOCAL array_nulls = on",
  "SET LOCAL standard_conforming_strings = on",
  "SET LOCAL transform_null_equals = off",
  // In the catalogue's functions that show names.
  "SET LOCAL quote_all_identifiers = off",
] as const;

/** The forms of what is read: ISO, UTC, and as many digits as give the same number again. */
const FORMS = [
  "SET LOCAL DateStyle = 'ISO'",
  "SET LOCAL IntervalStyle = 'postgres'",
  "SET LOCAL TimeZone = 'UTC'",
  "SET LOCAL bytea_output = 'hex'",
  "SET LOCAL xmlbinary = 'base64'",
  "SET LOCAL extra_float_digits = 3",
] as const;

const MEANINGS: string = MEANING.join("; ");
const MEANINGS_AND_FORMS: string = [MEANINGS, ...FORMS].join("; ");

/**
 * The statements that begin a transaction's own. SET LOCAL ends with it: behind a pooler the session belongs to others as
 * well.
 * @param path as `pathSetting` gives it
 * @param writesTarget triggers, defaults and functions of the target table run in it: they see the forms that they know
 */
export function localSettings(path: string | null, { writesTarget }: { readonly writesTarget: boolean }): string {
  const settings = writesTarget ? MEANINGS : MEANINGS_AND_FORMS;
  return path === null ? settings : `${settings}; ${path}`;
}

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
