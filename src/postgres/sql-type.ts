const SQL_TYPES = {
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
} as const;

/** A column as the configuration declares it, as far as its type in the table goes. */
export interface TypedColumn {
  readonly type: keyof typeof SQL_TYPES;
  /** null: stored as it is. */
  readonly mask: string | null;
}

/** The type that piipe gives a column which it creates. A token is text, whatever was masked. */
export function sqlTypeOf(column: TypedColumn): string {
  return column.mask === null ? SQL_TYPES[column.type] : "text";
}
