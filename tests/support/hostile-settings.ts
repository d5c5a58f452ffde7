import { directUrl, query, renewSessions } from "./postgres.ts";

/** What an owner may set for a database, each to what would do most harm to statements that expect the default. */
const HOSTILE: Readonly<Record<string, string>> = {
  array_nulls: "off",
  backslash_quote: "on",
  bytea_output: "escape",
  check_function_bodies: "off",
  client_encoding: "LATIN1",
  client_min_messages: "debug1",
  DateStyle: "SQL, DMY",
  default_transaction_deferrable: "on",
  default_transaction_isolation: "serializable",
  escape_string_warning: "on",
  extra_float_digits: "-15",
  IntervalStyle: "sql_standard",
  quote_all_identifiers: "on",
  standard_conforming_strings: "off",
  TimeZone: "Asia/Kolkata",
  transform_null_equals: "on",
  xmlbinary: "hex",
  xmloption: "document",
};

/** Types and functions that a schema before pg_catalog gives another meaning. */
const SHADOWS = `
CREATE SCHEMA shadow;
CREATE DOMAIN shadow.date AS text;
CREATE DOMAIN shadow.int8 AS smallint;
CREATE DOMAIN shadow.text AS varchar(3);
CREATE DOMAIN shadow.uuid AS varchar(3);
CREATE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT timestamptz ''1999-01-01''';
CREATE FUNCTION shadow.to_regclass(pg_catalog.text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass'`;

/** For connections made from now on. */
export async function makeHostile(databaseUrl: string): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1);
  const settings = Object.entries(HOSTILE).map(([setting, value]) => `${setting} = '${value}'`);
  settings.push("search_path = shadow, public, pg_catalog");
  const text = [SHADOWS, ...settings.map((setting) => `ALTER DATABASE ${name} SET ${setting}`)].join(";\n");
  await query(directUrl(databaseUrl), text);
  await renewSessions(databaseUrl);
}
