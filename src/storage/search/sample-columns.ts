import type { TokenPlace } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable, showTable, type TableName } from "../../postgres/identifiers.ts";
import { tokensIn } from "./tokens-in.ts";

const ROWS_MAX = 1_000;
/** Of one value: enough to see what it looks like, and little enough to keep a thousand of. */
const CHARS_MAX = 4_096;
/** Rows of a table from which its first thousand, the oldest nearly always, say little of the others. */
const ROWS_OF_LARGE = 100_000;

/**
 * Values other than NULL of up to 1,000 rows: of the whole table's pages where it is large, of its beginning otherwise. One
 * or two statements, neither of which reads the whole table. The values are raw: they are to be counted, and never shown.
 * @returns the values of each place, by its name: one of each row
 * @throws {PiipeError} `database.denied` without the right to read the table, or as the pool fails
 */
export async function sampleColumns(
  pool: PostgresPool,
  table: TableName,
  places: readonly TokenPlace[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const doing = `reading a sample of ${showTable(table)}`;
  const list = places
    .map((place, index) => {
      const held = `(${tokensIn("t", place)}) AS held (token)`;
      return `(SELECT left(held.token, ${CHARS_MAX}) FROM ${held} WHERE held.token IS NOT NULL LIMIT 1) AS c${index}`;
    })
    .join(", ");
  const select = async (sampling: string) => {
    const { rows } = await pool.query(
      doing,
      `SELECT ${list} FROM ${quoteTable(table)} AS t${sampling} LIMIT ${ROWS_MAX}`,
    );
    return rows;
  };
  const { hasPlaces } = await pool.dialect();
  const percent = hasPlaces ? await samplingPercent(pool, table, doing) : null;
  let rows = percent === null ? [] : await select(` TABLESAMPLE SYSTEM (${percent})`);
  if (rows.length === 0) rows = await select("");
  return new Map(
    places.map(({ name }, index) => [
      name,
      rows.map((row) => row[`c${index}`]).filter((value) => typeof value === "string"),
    ]),
  );
}

/**
 * No more pages than give the rows wanted, as a limit that cut many off would leave those of the beginning. null: not a
 * plain table, or a small one.
 */
async function samplingPercent(pool: PostgresPool, table: TableName, doing: string): Promise<string | null> {
  const { rows } = await pool.query(
    doing,
    "SELECT reltuples::text AS estimate FROM pg_catalog.pg_class WHERE oid = to_regclass($1::text) AND relkind IN ('r', 'p')",
    [quoteTable(table)],
  );
  const estimate = Number(rows[0]?.["estimate"] ?? 0);
  return estimate < ROWS_OF_LARGE ? null : ((100 * ROWS_MAX) / estimate).toFixed(6);
}
