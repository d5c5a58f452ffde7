import type { PostgresPool } from "../postgres/connection.ts";
import { parentsFirst, readForeignKeys } from "../postgres/foreign-keys.ts";
import { showTable } from "../postgres/identifiers.ts";
import type { WrittenTable } from "./insert.ts";
import type { TargetTable } from "./target-table.ts";

/** All tables of a pipeline, as the configuration orders them. */
export interface WrittenTables {
  readonly tables: readonly WrittenTable[];
  /** By their places: whatever a foreign key leads to goes before what it leads from. */
  readonly order: readonly number[];
}

export async function orderTables(pool: PostgresPool, tables: readonly WrittenTable[]): Promise<WrittenTables> {
  const names = tables.map(({ table }) => table.name);
  return { tables, order: parentsFirst(tables.length, await readForeignKeys(pool, names)) };
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
