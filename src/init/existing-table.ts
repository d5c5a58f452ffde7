import type { Column, ColumnBounds } from "../pipeline/contracts.ts";

/** A table that exists, as far as inferring the columns for it goes. */
export interface ExistingTable {
  readonly columns: readonly ExistingColumn[];
}

export interface ExistingColumn {
  readonly name: string;
  readonly isText: boolean;
  /** It takes objects and arrays whole. */
  readonly isJson: boolean;
  /** It does not keep the blanks at a text's end: a `char(n)`. */
  readonly dropsBlanks: boolean;
  /** What it holds of a time, or null when it holds something else. */
  readonly time: "date" | "timestamp" | null;
  readonly notNull: boolean;
  /** PostgreSQL fills it by itself: it has a default, or is generated. */
  readonly isFilled: boolean;
  /** A unique index that `onConflict` finds is over this column alone. Left out: none is. */
  readonly isUnique?: boolean;
  /** It cannot be written. */
  readonly isGenerated: boolean;
  /** How much of a value it holds: undefined where nothing bounds that. */
  readonly bounds: ColumnBounds | undefined;
  /** Why it cannot hold what the column writes, or null when it can. */
  readonly misfitOf: (column: Column) => string | null;
}
