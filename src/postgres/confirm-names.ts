import { DatabaseFailure } from "./database-failure.ts";

/** What can be asked: a connection. */
interface Asked {
  query(
    doing: string,
    text: string,
    values: readonly string[],
  ): Promise<{ readonly rows: ReadonlyArray<Readonly<Record<string, string | null>>> }>;
}

const FIND_NAMES = `
SELECT given.name FROM json_array_elements_text($1::json) AS given (name)
WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = given.name)
   OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = given.name)
   OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attname = given.name)
   OR EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = given.name)`;

/** Whether the catalogue has a name, for each that was looked up: the same few come again and again. */
const looked = new WeakMap<object, Map<string, boolean>>();
const LOOKED_MAX = 1_000;

/**
 * The failure with the names of tables, columns and constraints that the catalogue has. A function in the database can raise an
 * error with any text in their places, such as the value that it objects to.
 * @param connection usable: outside a transaction that failed
 */
export async function confirmNames<E>(error: E, pool: object, connection: Asked): Promise<E | DatabaseFailure> {
  if (!(error instanceof DatabaseFailure) || error.facts === null || error.fate === "reconnect") return error;
  const { schema, table, column, constraint } = error.facts;
  const names = [schema, table, column, constraint].filter((name) => name !== null);
  if (names.length === 0) return error;
  let known = looked.get(pool);
  if (known === undefined) looked.set(pool, (known = new Map<string, boolean>()));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    try {
      const { rows } = await connection.query("looking up names", FIND_NAMES, [JSON.stringify(unknown)]);
      const found = new Set(rows.map((row) => row["name"]));
      if (known.size > LOOKED_MAX) known.clear();
      for (const name of unknown) known.set(name, found.has(name));
    } catch {
      // The first failure is what matters; it is told without names.
      return error;
    }
  }
  return error.naming(new Set(names.filter((name) => known.get(name) === true)));
}
