import type { Column, ColumnType } from "../pipeline/contracts.ts";
import type { TableColumn } from "./target-table.ts";

/** A char(n) pads a value with blanks and ignores those at its end; whoever chose the type for the table chose that. */
const TEXT_TYPES: ReadonlySet<string> = new Set(["text", "varchar", "bpchar", "citext"]);

/** The PostgreSQL types, besides text, that hold every value of a column type exactly or refuse it with an error. */
const FITTING_TYPES: Readonly<Record<ColumnType, readonly string[]>> = {
  text: [],
  integer: ["int2", "int4", "int8", "numeric"],
  number: ["float8", "numeric"],
  boolean: ["bool"],
  timestamp: ["timestamptz", "timestamp"],
  date: ["date", "timestamp"],
  uuid: ["uuid"],
  ip: ["inet"],
  version: ["int4", "int8", "numeric"],
  json: ["jsonb", "json"],
};

/** How a column's values get into its real column. */
export interface ColumnFit {
  /** Element type of the array that carries the values: never with a length, since a cast to one truncates. */
  readonly elementType: string;
  /** A `timestamp` takes UTC wall time, whatever the session's TimeZone. */
  readonly isUtcWallTime: boolean;
  /** Every value is NULL, written as such: a column of any type takes it. */
  readonly isNull: boolean;
}

/** null when the real column cannot hold the values. */
export function fitOf(column: Column, real: TableColumn): ColumnFit | null {
  // NULL is of every type, and the array's elements are only ever NULL.
  if (column.mask === "drop") return { elementType: "text", isUtcWallTime: false, isNull: true };
  if (isText(real)) {
    if (column.type === "boolean" && column.mask === null) return null;
    return { elementType: "text", isUtcWallTime: false, isNull: false };
  }
  if (!fittingTypes(column).includes(real.type)) return null;
  if (column.type === "timestamp") {
    return { elementType: "timestamptz", isUtcWallTime: real.type === "timestamp", isNull: false };
  }
  return { elementType: column.type === "date" ? "date" : real.type, isUtcWallTime: false, isNull: false };
}

/** The PostgreSQL types, besides text, that hold what a mask gives. */
function fittingTypes({ type, mask }: Column): readonly string[] {
  switch (mask) {
    case null:
      return FITTING_TYPES[type];
    case "generalize":
      return type === "ip" ? ["inet", "cidr"] : FITTING_TYPES[type];
    case "ipcrypt-deterministic":
    case "ipcrypt-pfx":
      return ["inet"];
    default:
      return [];
  }
}

/** Decimals of a second that PostgreSQL holds, and decoding gives. */
const SECOND_DECIMALS = 6;

/** Whether the declaration of a fitting real column, such as numeric(9,2), makes PostgreSQL round values silently. */
export function isRounding(column: Column, real: TableColumn): boolean {
  if (real.decimalsMax === null) return false;
  switch (column.type) {
    case "number":
      return true;
    case "integer":
    case "version":
      return real.decimalsMax < 0;
    case "timestamp":
      return real.decimalsMax < SECOND_DECIMALS;
    default:
      return false;
  }
}

export function isText(real: TableColumn): boolean {
  return TEXT_TYPES.has(real.type);
}
