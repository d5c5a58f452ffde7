import type { Column, ColumnType } from "../contracts.ts";
import type { TableColumn } from "./target-table.ts";

const TEXT_TYPES: ReadonlySet<string> = new Set(["text", "varchar", "bpchar", "citext"]);

/** The PostgreSQL types, besides text, that hold every value of a column type. */
const FITTING_TYPES: Readonly<Record<ColumnType, readonly string[]>> = {
  text: [],
  integer: ["int2", "int4", "int8", "numeric"],
  number: ["float4", "float8", "numeric"],
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
}

/** null when the real column cannot hold the values. */
export function fitOf(column: Column, real: TableColumn): ColumnFit | null {
  if (isText(real)) {
    return column.type === "boolean" && column.mask === null ? null : { elementType: "text", isUtcWallTime: false };
  }
  if (column.mask !== null || !FITTING_TYPES[column.type].includes(real.type)) return null;
  if (column.type === "timestamp") return { elementType: "timestamptz", isUtcWallTime: real.type === "timestamp" };
  return { elementType: column.type === "date" ? "date" : real.type, isUtcWallTime: false };
}

export function isText(real: TableColumn): boolean {
  return TEXT_TYPES.has(real.type);
}
