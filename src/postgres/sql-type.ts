const SQL_TYPES = {
  text: "text",
  integer: "bigint",
  number: "double precision",
  decimal: "numeric",
  boolean: "boolean",
  timestamp: "timestamptz",
  date: "date",
  uuid: "uuid",
  ip: "inet",
  version: "integer",
  phone: "text",
  mac: "macaddr",
  json: "jsonb",
  "text[]": "text[]",
  "integer[]": "bigint[]",
  "number[]": "double precision[]",
  "decimal[]": "numeric[]",
  "boolean[]": "boolean[]",
  "uuid[]": "uuid[]",
  "timestamp[]": "timestamptz[]",
  "date[]": "date[]",
} as const;

/** A column as the configuration declares it, as far as its type in the table goes. */
export interface TypedColumn {
  readonly type: keyof typeof SQL_TYPES;
  /** null: stored as it is. */
  readonly mask: string | null;
}

/** Masks whose values stay of a type of their own: an encrypted address is an address. Every other gives text. */
const TYPED_MASKS: ReadonlySet<string> = new Set(["generalize", "ipcrypt-deterministic", "ipcrypt-pfx"]);

/** The type that piipe gives a column which it creates. */
export function sqlTypeOf({ type, mask }: TypedColumn): string {
  return mask === null || TYPED_MASKS.has(mask) ? SQL_TYPES[type] : "text";
}
