import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { GrowingTable } from "../init/addable-columns.ts";
import { columnOf } from "../init/column-of.ts";
import type { ExistingColumn } from "../init/existing-table.ts";
import type { Column, ColumnBounds } from "../pipeline/contracts.ts";
import type { TableName } from "../postgres/identifiers.ts";
import { addingStatement, boundsOf, checkTable, misfitOf } from "../write/check-table.ts";
import { isText } from "../write/column-fit.ts";
import { readUniqueColumns } from "../write/conflict-rule.ts";
import { readTargetTable, type TableColumn, type TargetTable } from "../write/target-table.ts";
import { openDatabase } from "./open-database.ts";
import { tokenChars } from "./open-tables.ts";

export interface IntrospectedTable extends GrowingTable {
  /** What its columns can hold, for decoding into them. */
  readonly boundsOf: (columns: readonly Column[]) => ReadonlyMap<string, ColumnBounds>;
}

/**
 * Reads the columns of a table; null when there is no such table.
 * @throws {PiipeError} `database.…`; `database.table-mismatch` when it is none that rows can be inserted into
 */
export async function introspectTable(config: Config, name: TableName): Promise<IntrospectedTable | null> {
  const pool = openDatabase(config);
  try {
    const table = await readTargetTable(pool, name);
    checkTable({ ...table, columns: [] }, [], new Map());
    const unique = await readUniqueColumns(pool, table.name);
    return {
      columns: table.columns.map((real) => ({ ...existingColumn(table, real), isUnique: unique.has(real.name) })),
      boundsOf: (columns) => boundsOf(table, columns),
      addingStatement: (column) => addingStatement(table, column),
    };
  } catch (error) {
    if (error instanceof PiipeError && error.code === "database.table-missing") return null;
    throw error;
  } finally {
    await pool.close();
  }
}

const TIMES: Readonly<Record<string, ExistingColumn["time"]>> = {
  date: "date",
  timestamp: "timestamp",
  timestamptz: "timestamp",
};

function existingColumn(table: TargetTable, real: TableColumn): ExistingColumn {
  const { name, type, notNull, hasDefault, isGenerated } = real;
  return {
    name,
    isText: isText(real),
    isJson: type === "json" || type === "jsonb",
    dropsBlanks: type === "bpchar",
    time: TIMES[type] ?? null,
    notNull,
    isGenerated,
    isFilled: hasDefault || isGenerated,
    bounds: boundsOf(table, [columnOf({ name, from: name, type: "text", mask: null, nullable: true })]).get(name),
    misfitOf: (column) => misfitOf(table, column, tokenChars([column], null)),
  };
}
