import { arrayLiteral } from "./array-literal.ts";
import type { PostgresPool } from "./connection.ts";
import { type TableName, quoteTable } from "./identifiers.ts";

/** A foreign key from one of some tables to another, both by their places among them. */
export interface ForeignKey {
  readonly child: number;
  readonly parent: number;
  /** The child's column and the parent's, of each pair. */
  readonly columns: readonly (readonly [child: string, parent: string])[];
  /** What refers to a row must be gone before it, or goes with it: `ON DELETE` says neither SET NULL nor SET DEFAULT. */
  readonly ofRow: boolean;
}

/** Those of a table to itself are left out. */
const READ_FOREIGN_KEYS = `
WITH target AS (
  SELECT to_regclass(name)::oid AS oid, position - 1 AS place FROM unnest($1::text[]) WITH ORDINALITY AS t (name, position)
)
SELECT child.place::text AS child, parent.place::text AS parent, (c.confdeltype IN ('a', 'r', 'c'))::text AS of_row, (
  SELECT json_agg(json_build_array(ca.attname, pa.attname) ORDER BY pair.position)::text
  FROM unnest(c.conkey, c.confkey) WITH ORDINALITY AS pair (child, parent, position)
  JOIN pg_catalog.pg_attribute ca ON ca.attrelid = c.conrelid AND ca.attnum = pair.child
  JOIN pg_catalog.pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = pair.parent
) AS columns
FROM pg_catalog.pg_constraint c
JOIN target AS child ON child.oid = c.conrelid
JOIN target AS parent ON parent.oid = c.confrelid
WHERE c.contype = 'f' AND child.place <> parent.place
ORDER BY c.oid`;

export async function readForeignKeys(
  pool: PostgresPool,
  tables: readonly TableName[],
): Promise<readonly ForeignKey[]> {
  if (tables.length === 1) return [];
  const names = arrayLiteral(tables.map(quoteTable));
  const { rows } = await pool.query("reading the foreign keys among the tables", READ_FOREIGN_KEYS, [names]);
  return rows.map((row) => ({
    child: Number(row["child"]),
    parent: Number(row["parent"]),
    columns: JSON.parse(row["columns"] ?? "[]") as ForeignKey["columns"],
    ofRow: row["of_row"] === "true",
  }));
}

/** Where they lead in a circle, the order is that of the tables: whoever made them defers them. */
export function parentsFirst(tables: number, keys: readonly ForeignKey[]): readonly number[] {
  const order: number[] = [];
  const begun = new Set<number>();
  const add = (place: number): void => {
    if (begun.has(place)) return;
    begun.add(place);
    for (const { child, parent } of keys) if (child === place) add(parent);
    order.push(place);
  };
  for (let place = 0; place < tables; place += 1) add(place);
  return order;
}
