import { isArrayType } from "../pipeline/contracts.ts";
import type { InferredColumn } from "./column-of.ts";
import type { ExistingTable } from "./existing-table.ts";
import { snakeCase } from "./match-columns.ts";

/** What `onConflict` may be for a table in which a column is unique. */
export interface ConflictProposal {
  readonly key: string;
  /** The column that seems to say which row is the newest; null: none does. */
  readonly newest: string | null;
}

/** What producers call the time or the number of a change. */
const NEWEST = /(?:^|_)(?:updated|modified|changed|version|revision|sequence|seq)(?:_|$)/;
const NEWEST_TYPES: ReadonlySet<string> = new Set(["timestamp", "integer"]);
/** They make different values the same. */
const LOSING_MASKS: ReadonlySet<string | null> = new Set(["generalize", "redact", "drop"]);

/** The first column that every event has and that the table wants unique: an event with a value that is there is refused. */
export function proposeConflict(
  columns: readonly InferredColumn[],
  table: ExistingTable | null,
): ConflictProposal | null {
  const unique = new Set(table?.columns.flatMap(({ name, isUnique }) => (isUnique === true ? [name] : [])));
  const key = columns.find(
    ({ name, from, type, mask, nullable, absent }) =>
      unique.has(name) &&
      !from.startsWith("@") &&
      type !== "json" &&
      !isArrayType(type) &&
      !LOSING_MASKS.has(mask) &&
      !nullable &&
      absent === undefined,
  );
  if (key === undefined) return null;
  const newest = columns.find(
    ({ name, type, mask }) =>
      name !== key.name && mask === null && NEWEST_TYPES.has(type) && NEWEST.test(snakeCase(name)),
  );
  return { key: key.name, newest: newest?.name ?? null };
}
