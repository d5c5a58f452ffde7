import type { Column, ColumnType } from "../pipeline/contracts.ts";
import { type MaskedColumn, maskedOf } from "./column-tokens.ts";
import { OPERATORS } from "./operators/operators.ts";

/** What duplicates are looked for in, and counted by. */
export interface DuplicateColumns {
  /** The columns, and the inner masks, whose tokens are equal for equal values, and for no others. */
  readonly masked: readonly MaskedColumn[];
  /** Holds who caused a row: the column `user_id`, if there is one. */
  readonly user: Column | null;
  /** Holds when: a column from `@sent_at` or `@received_at`, else the first timestamp or date. */
  readonly time: Column | null;
}

const USER_COLUMN = "user_id";
const TIME_TYPES: ReadonlySet<ColumnType> = new Set(["timestamp", "date"]);

/** The columns as the configuration gives them, where nobody chooses others. */
export function duplicateColumns(columns: readonly Column[]): DuplicateColumns {
  const times = columns.filter(tellsTime);
  return {
    masked: maskedOf(columns).filter(keepsEquality),
    user: columns.find((column) => column.name === USER_COLUMN && keepsEquality(column)) ?? null,
    time: times.find(({ origin }) => origin.kind === "metadata") ?? times[0] ?? null,
  };
}

/** Whether equal stored values mean equal originals. */
export function keepsEquality({ mask }: Column): boolean {
  if (mask === null) return true;
  const operator = OPERATORS[mask];
  return operator.needsKey || operator.isSearchable;
}

/** Whether what is stored is a time: as it was, or only less exact. */
export function tellsTime({ type, mask }: Column): boolean {
  return TIME_TYPES.has(type) && (mask === null || mask === "generalize");
}
