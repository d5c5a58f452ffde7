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
  // A path that names pg_catalog behind a schema with types and functions of the same names (such as orafce's) would give
  // us those. Unnamed, it is the first. The rest is for the triggers and defaults of the table, and stays.
  `SELECT pg_catalog.set_config('search_path', pg_catalog.regexp_replace(pg_catalog.current_setting('search_path'), '^ *"?pg_catalog"? *(,|$)|, *"?pg_catalog"? *(?=,|$)', '', 'g'), true)`,
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

/** For transactions in which triggers, defaults and functions of the target table run: they see the forms that they know. */
export const WRITE_SETTINGS: string = MEANING.join("; ");

/** For all others. SET LOCAL ends with the transaction: behind a pooler the session belongs to others as well. */
export const READ_SETTINGS: string = [...MEANING, ...FORMS].join("; ");
