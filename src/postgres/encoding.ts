import type { PostgresPool } from "./connection.ts";

/**
 * What a database of this encoding does to texts, as a warning; null: it holds them all.
 * @param encoding as the server names it
 */
export function encodingWarning(encoding: string): string | null {
  switch (encoding) {
    case "UTF8":
      return null;
    case "SQL_ASCII":
      return "the encoding of the database is SQL_ASCII: it keeps the bytes of UTF-8 and counts them as characters, so that varchar(n) and length() are of bytes";
    default:
      return `the encoding of the database is ${encoding}, which lacks most of Unicode's characters: an event with one of those is refused (database.value)`;
  }
}

export const ENCODING_REMEDY =
  "Create the database with ENCODING 'UTF8' (and TEMPLATE template0), and move what is there with pg_dump.";

/** @throws {PiipeError} `database.*` */
export async function readEncoding(pool: PostgresPool): Promise<string> {
  const { rows } = await pool.query(
    "asking for the encoding of the database",
    "SELECT current_setting('server_encoding') AS encoding",
  );
  return rows[0]?.["encoding"] ?? "";
}
