import type { Column, ColumnType } from "../pipeline/contracts.ts";

const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  text: "text",
  integer: "bigint",
  number: "double precision",
  boolean: "boolean",
  timestamp: "timestamptz",
  date: "date",
  uuid: "uuid",
  ip: "inet",
  version: "integer",
  json: "jsonb",
};

/** The type that piipe gives a column which it creates. A token is text, whatever was masked. */
export function sqlTypeOf(column: Column): string {
  return column.mask === null ? SQL_TYPES[column.type] : "text";
}
