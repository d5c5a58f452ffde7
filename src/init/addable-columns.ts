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
 * that it has. An event without a value is taken in each of them: events from before the field was there are still in the
 * queue, or in quarantine, and not every producer sends it at once. The others are left out, with what to do.
 */
export function addableColumns(inference: Inference, table: GrowingTable | null): Inference {
  const outcomes = inference.columns.map((column) => addable(column, table));
  return {
    ...inference,
    columns: outcomes.flatMap((outcome) => ("column" in outcome ? [outcome.column] : [])),
    leftOut: [...inference.leftOut, ...outcomes.flatMap((outcome) => ("leftOut" in outcome ? [outcome.leftOut] : []))],
  };
}

function addable(column: InferredColumn, table: GrowingTable | null): Outcome {
  if (table === null) return { column: { ...column, nullable: true } };
  const real = table.columns.find(({ name }) => name === column.name);
  if (real === undefined) {
    const statement = table.addingStatement(columnOf(column));
    return leaveOut(column.from, null, `has no column in the table: ${statement}, then ${AGAIN}`, false);
  }
  if (!real.notNull) return { column: { ...column, nullable: true } };
  const isMasked = column.mask !== null || column.masks !== undefined;
  if (real.isFilled && !isMasked) return { column: { ...column, nullable: false, absent: "default" } };
  const why = real.isFilled ? "NOT NULL, and its DEFAULT would be stored unmasked" : "NOT NULL without a DEFAULT";
  return {
    leftOut: {
      field: column.from,
      column: column.name,
      why: `is not added, as events without it would be refused: the column is ${why}. Drop its NOT NULL, then ${AGAIN}`,
      isProblem: true,
    },
  };
}

const AGAIN = "`piipe init --update` again";
