import type { Column } from "../pipeline/contracts.ts";
import { leaveOut, type Outcome } from "./column-for.ts";
import { columnOf, type InferredColumn } from "./column-of.ts";
import type { ExistingTable } from "./existing-table.ts";
import type { Inference } from "./infer-columns.ts";

/** A table that can get more columns. */
export interface GrowingTable extends ExistingTable {
  /** The statement that adds the column to it. */
  readonly addingStatement: (column: Column) => string;
}

/**
 * What of new columns a configuration that runs already can get, so that it still runs: where there is a table, the columns
 * that it has. The others are left out, with what to do.
 */
export function addableColumns(inference: Inference, table: GrowingTable | null): Inference {
  if (table === null) return inference;
  const outcomes = inference.columns.map((column) => addable(column, table));
  return {
    ...inference,
    columns: outcomes.flatMap((outcome) => ("column" in outcome ? [outcome.column] : [])),
    leftOut: [...inference.leftOut, ...outcomes.flatMap((outcome) => ("leftOut" in outcome ? [outcome.leftOut] : []))],
  };
}

function addable(column: InferredColumn, table: GrowingTable): Outcome {
  const real = table.columns.find(({ name }) => name === column.name);
  if (real !== undefined) return { column };
  const statement = table.addingStatement(columnOf(column));
  return leaveOut(column.from, null, `has no column in the table: ${statement}, then ${AGAIN}`, false);
}

const AGAIN = "`piipe init --update` again";
