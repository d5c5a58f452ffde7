import type { Config, TableConfig } from "../config/config.ts";
import { placeOf } from "../mask/column-tokens.ts";
import type { Column, TokenPlace } from "../pipeline/contracts.ts";
import { showTable } from "../postgres/identifiers.ts";

/** A column, or what is masked inside one, with the table that has it. */
export interface PlacedColumn<C extends Column = Column> {
  readonly table: TableConfig;
  readonly column: C;
  /** Its name; where the pipeline has several tables `table.column`. */
  readonly shown: string;
}

/** @param of what to take of a table's columns */
export const placedColumns = <C extends Column>(
  { tables }: Pick<Config, "tables">,
  of: (columns: readonly Column[]) => readonly C[],
): readonly PlacedColumn<C>[] =>
  tables.flatMap((table) =>
    of(table.columns).map((column) => ({
      table,
      column,
      shown: tables.length === 1 ? column.name : `${showTable(table.name)}.${column.name}`,
    })),
  );

/**
 * The columns that a person means: `column` is all of the name, whichever tables have them, and `table.column` one. A table in
 * a schema need not be named with it.
 * @param isMeant of a column, by what was given without the table
 */
export function columnsNamed<P extends PlacedColumn>(
  columns: readonly P[],
  given: string,
  isMeant = (column: P["column"], name: string): boolean => column.name === name,
): readonly P[] {
  const plain = columns.filter(({ column }) => isMeant(column, given));
  if (plain.length > 0) return plain;
  return columns.filter(({ table, column }) =>
    [showTable(table.name), table.name.name].some(
      (name) => given.startsWith(`${name}.`) && isMeant(column, given.slice(name.length + 1)),
    ),
  );
}

/** Shown with the table, where there are several. */
export const placeIn = ({ column, shown }: PlacedColumn): TokenPlace => ({ ...placeOf(column), name: shown });
