import { arrayLiteral } from "../postgres/array-literal.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { quoteTable, showTable } from "../postgres/identifiers.ts";
import type { WrittenTable } from "./insert.ts";
import type { TargetTable } from "./target-table.ts";

/** All tables of a pipeline, as the configuration orders them. */
export interface WrittenTables {
  readonly tables: readonly WrittenTable[];
  /** By their places: whatever a foreign key leads to goes before what it leads from. */
  readonly order: readonly number[];
}

/** Foreign keys among the tables, but those of a table to itself: by the places of both. */
const READ_FOREIGN_KEYS = `
WITH target AS (
  SELECT to_regclass(name)::oid AS oid, position - 1 AS place FROM unnest($1::text[]) WITH ORDINALITY AS t (name, position)
)
SELECT DISTINCT child.place::text AS child, parent.place::text AS parent
FROM pg_catalog.pg_constraint c
JOIN target AS child ON child.oid = c.conrelid
JOIN target AS parent ON parent.oid = c.confrelid
WHERE c.contype = 'f' AND child.place <> parent.place`;

/** Where foreign keys lead in a circle, the order is that of the configuration: whoever made them defers them. */
export async function orderTables(pool: PostgresPool, tables: readonly WrittenTable[]): Promise<WrittenTables> {
  if (tables.length === 1) return { tables, order: [0] };
  const names = arrayLiteral(tables.map(({ table }) => quoteTable(table.name)));
  const { rows } = await pool.query("reading the foreign keys among the tables", READ_FOREIGN_KEYS, [names]);
  const parentsOf = tables.map((_, place) =>
    rows.filter((row) => Number(row["child"]) === place).map((row) => Number(row["parent"])),
  );
  const order: number[] = [];
  const begun = new Set<number>();
  const add = (place: number): void => {
    if (begun.has(place)) return;
    begun.add(place);
    for (const parent of parentsOf[place] ?? []) add(parent);
    order.push(place);
  };
  for (const place of tables.keys()) add(place);
  return { tables, order };
}

/** The one by which business ids are known: each pipeline has its own. */
export function firstOf({ tables }: Pick<WrittenTables, "tables">): TargetTable {
  const [first] = tables;
  if (first === undefined) throw new TypeError("a pipeline without a table");
  return first.table;
}

/** Names of all configured columns. */
export const declaredIn = ({ tables }: WrittenTables): ReadonlySet<string> =>
  new Set(tables.flatMap(({ columns }) => columns.map(({ name }) => name)));

/** As schema.table, with commas between them. */
export const showTables = ({ tables }: Pick<WrittenTables, "tables">): string =>
  tables.map(({ table }) => showTable(table.name)).join(", ");
