import { PiipeError } from "../../errors.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable, showTable, type TableName } from "../../postgres/identifiers.ts";
import { inTransaction } from "../../postgres/transaction.ts";

export interface NeededRight {
  readonly table: TableName & { readonly schema: string };
  readonly right: "SELECT" | "INSERT" | "UPDATE" | "DELETE";
  /** On these alone. Left out: on all. */
  readonly columns?: readonly string[];
}

/** One of piipe's own. */
export const ownTable = (name: string): NeededRight["table"] => ({ schema: "piipe", name });

/**
 * By the catalogue's own tables: a name in a schema that may not be used cannot even be asked about.
 * @param isHidden SQL: whether a policy may hide rows of the table `c`
 */
const findMissing = (isHidden: string): string => `
SELECT wanted.position, hidden.is_hidden
FROM jsonb_to_recordset($1::jsonb) AS wanted (position integer, schema text, name text, "right" text)
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
CROSS JOIN LATERAL (SELECT wanted."right" <> 'INSERT' AND ${isHidden}) AS hidden (is_hidden)
WHERE hidden.is_hidden OR (has_schema_privilege(n.oid, 'USAGE') AND CASE wanted."right"
  WHEN 'DELETE' THEN has_table_privilege(c.oid, 'DELETE')
  -- It may be granted by columns.
  ELSE has_any_column_privilege(c.oid, wanted."right")
END) IS NOT TRUE
ORDER BY wanted.position`;

/**
 * Call it before the first step of work that would otherwise stop half way. To read or delete only what a row-level policy
 * leaves counts as missing too: rows that are hidden would be said not to be there.
 * @throws {PiipeError} `database.denied`, naming every right that is missing and how to grant it
 */
export async function requireRights(pool: PostgresPool, needed: readonly NeededRight[]): Promise<void> {
  const wanted = needed.map(({ table, right }, position) => ({ position, ...table, right }));
  const options = { doing: "looking at the user's rights" };
  const isHidden = (await pool.dialect()).isComplete ? "row_security_active(c.oid)" : "false";
  // In a transaction, as the work to come is: a connection pooler may allow none.
  const { rows } = await inTransaction(pool, options, (run) => run(findMissing(isHidden), [JSON.stringify(wanted)]));
  if (rows.length === 0) return;
  const hidden = rows.flatMap((row) => (row["is_hidden"] === "t" ? (needed[Number(row["position"])] ?? []) : []));
  if (hidden.length > 0) throw rowsHidden(hidden, pool.place.user);
  const missing = rows.flatMap(({ position }) => needed[Number(position)] ?? []);
  const schemas = [...new Set(missing.map(({ table }) => table.schema))];
  throw new PiipeError(
    "database.denied",
    `the PostgreSQL user ${pool.place.user} lacks ${missing.map(({ table, right }) => `${right} on ${showTable(table)}`).join(", ")}`,
    {
      hint:
        `Let the tables' owner grant it, or use such a user for this command: ` +
        [
          `GRANT USAGE ON SCHEMA ${schemas.join(", ")}`,
          ...missing.map(
            ({ table, right, columns }) =>
              `GRANT ${right}${columns === undefined ? "" : ` (${columns.join(", ")})`} ON ${quoteTable(table)}`,
          ),
        ]
          .map((grant) => `${grant} TO …;`)
          .join(" "),
    },
  );
}

function rowsHidden(hidden: readonly NeededRight[], user: string): PiipeError {
  const tables = [...new Set(hidden.map(({ table }) => showTable(table)))].join(", ");
  return new PiipeError(
    "database.denied",
    `row-level security may hide rows of ${tables} from the PostgreSQL user ${user}`,
    {
      hint: "What it hides would be neither found nor deleted. Use the tables' owner, or a user with BYPASSRLS, for this command.",
    },
  );
}
