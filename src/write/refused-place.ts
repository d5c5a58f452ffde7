import { arrayLiteral } from "../postgres/array-literal.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { quoteTable, type TableName } from "../postgres/identifiers.ts";
import type { PostgresFacts } from "../postgres/sqlstate.ts";

/**
 * Looked up, and not taken from the server's error: a trigger may put any text into its fields, a value too. Unique indexes
 * without a constraint name themselves as one. The columns are those of the constraint, or those of a domain.
 */
const FIND_CONSTRAINT = `
SELECT c.conname AS name, (
  SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]')::text FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
    OR c.contypid <> 0 AND a.atttypid = c.contypid
      AND a.attrelid IN (SELECT to_regclass(target)::oid FROM unnest($4::text[]) AS target)
) AS columns
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
WHERE c.conname = $3::text AND n.nspname = $1::text AND t.relname IS NOT DISTINCT FROM $2::text
UNION ALL
SELECT i.relname, (
  SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]')::text FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
)
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE x.indisunique AND i.relname = $3::text AND n.nspname = $1::text AND t.relname = $2::text
LIMIT 1`;

/** Says where PostgreSQL refused a row: by columns of the configuration and the constraint, as the catalogue names them. */
export class RefusedPlaces {
  readonly #pool: PostgresPool;
  readonly #targets: string;
  readonly #declared: ReadonlySet<string>;
  /** By what the error says: a bad producer must not cause a query for each event. */
  readonly #known = new Map<string, string | null>();

  constructor(pool: PostgresPool, targets: readonly TableName[], declared: ReadonlySet<string>) {
    this.#pool = pool;
    this.#targets = arrayLiteral(targets.map(quoteTable));
    this.#declared = declared;
  }

  /** Such as `app_version (constraint user_logins_app_version_check)`; null: the catalogue has nothing of that name. */
  async placeOf({ schema, table, constraint }: PostgresFacts, abort: AbortSignal): Promise<string | null> {
    if (schema === null || constraint === null) return null;
    const key = JSON.stringify([schema, table, constraint]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const place = await this.#find(schema, table, constraint, abort);
    // A trigger may make up a name for each row.
    if (this.#known.size < PLACES_MAX) this.#known.set(key, place);
    return place;
  }

  async #find(schema: string, table: string | null, constraint: string, abort: AbortSignal): Promise<string | null> {
    const doing = "looking for the constraint that refused a row";
    const values = [schema, table, constraint, this.#targets];
    const { rows } = await this.#pool.query(doing, FIND_CONSTRAINT, values, abort);
    const [row] = rows;
    if (row === undefined) return null;
    const columns = (JSON.parse(row["columns"] ?? "[]") as string[]).filter((name) => this.#declared.has(name));
    const named = `constraint ${row["name"]}`;
    return columns.length === 0 ? named : `${columns.join(", ")} (${named})`;
  }
}

const PLACES_MAX = 1_000;
