import type { CollectedFields } from "./collect-fields.ts";
import type { LeftOut } from "./column-for.ts";
import type { InferredColumn } from "./column-of.ts";
import type { ConflictProposal } from "./conflict-proposal.ts";
import { type EventId, findEventId } from "./event-id.ts";
import type { ExistingTable } from "./existing-table.ts";
import { noteFirstElements } from "./first-elements.ts";
import { forNewTable } from "./new-columns.ts";
import { forTable } from "./table-columns.ts";

/** Columns of a new table: with more of them nobody finds any. */
export const FIELDS_MAX = 100;

export interface Inference {
  readonly columns: readonly InferredColumn[];
  readonly leftOut: readonly LeftOut[];
  /** What could recognise an event that is sent again; null: no field looks like it. */
  readonly eventId: EventId | null;
  /** Left out: no column of the table is unique. */
  readonly conflict?: ConflictProposal;
}

/**
 * The columns that the fields of events suggest. With a table: its columns in their order, each with the field that its name
 * tells; without: one for each field. What looks personal is masked, or left out where that is not possible.
 */
export function inferColumns({ fields, oddKeys, surplus }: CollectedFields, table: ExistingTable | null): Inference {
  const outcomes = table === null ? forNewTable(fields) : forTable(fields, table);
  const columns = outcomes.flatMap((outcome) => ("column" in outcome ? [outcome.column] : []));
  const leftOut = outcomes.flatMap((outcome) => ("leftOut" in outcome ? [outcome.leftOut] : []));
  return {
    columns: noteFirstElements(columns, fields),
    leftOut: [...leftOut, ...(surplus === 0 ? [] : [surplusFields(surplus)]), ...oddFields(oddKeys.length)],
    eventId: findEventId(fields),
  };
}

/**
 * Fields whose keys are data.
 * @param consequence what comes of leaving them out
 */
export function oddFields(count: number, consequence = ""): readonly LeftOut[] {
  if (count === 0) return [];
  const why = `${count} ${count === 1 ? "field has a name" : "fields have names"} that may be data, and so are neither shown nor stored${consequence}`;
  return [{ field: null, column: null, why, isProblem: true }];
}

const surplusFields = (count: number): LeftOut => ({
  field: null,
  column: null,
  why: `${count} more fields have no column: a table of more than ${FIELDS_MAX} is hardly read. Name those that you need`,
  isProblem: true,
});
