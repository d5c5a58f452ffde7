import { type Column, isArrayType, type MaskName, type ScalarType, scalarTypeOf } from "../pipeline/contracts.ts";
import type { TableColumn } from "./target-table.ts";

/** A char(n) pads a value with blanks and ignores those at its end; whoever chose the type for the table chose that. */
const TEXT_TYPES: ReadonlySet<string> = new Set(["text", "varchar", "bpchar", "citext"]);

/** The PostgreSQL types, besides text, that hold every value of a column type exactly, or those that decoding lets pass. */
const FITTING_TYPES: Readonly<Record<ScalarType, readonly string[]>> = {
  text: [],
  integer: ["int2", "int4", "int8", "numeric"],
  number: ["float8", "numeric"],
  decimal: ["numeric"],
  boolean: ["bool"],
  timestamp: ["timestamptz", "timestamp"],
  date: ["date", "timestamp"],
  uuid: ["uuid"],
  ip: ["inet"],
  version: ["int4", "int8", "numeric"],
  phone: [],
  mac: ["macaddr"],
  json: ["jsonb", "json"],
};

/**
 * Types that do not take a text as it is: those with a column type of their own, which reads it without guessing; and those
 * whose reading of a text cuts or rounds in silence (`name`, `"char"`, `real`, `money`).
 */
const NOT_FROM_TEXT: ReadonlySet<string> = new Set(
  "int2 int4 int8 float4 float8 numeric bool date timestamp timestamptz uuid inet json jsonb bytea name char money".split(
    " ",
  ),
);

/** How a column's values get into its real column. */
export interface ColumnFit {
  /** Element type of the array that carries the values: never with a length, since a cast to one truncates. */
  readonly elementType: string;
  /** A `timestamp` takes UTC wall time, whatever the session's TimeZone. */
  readonly isUtcWallTime: boolean;
  /** Every value is NULL, written as such: a column of any type takes it. */
  readonly isNull: boolean;
  /** The type that PostgreSQL reads the carried texts as; null: they are of their type already. */
  readonly readAs: string | null;
  /** The same with the precision that the column rounds to: a text that would be rounded is refused. */
  readonly roundedTo: string | null;
}

const PLAIN = { isUtcWallTime: false, isNull: false, readAs: null, roundedTo: null };

/** null when the real column cannot hold the values. */
export function fitOf(column: Column, real: TableColumn): ColumnFit | null {
  // NULL is of every type, and the array's elements are only ever NULL.
  if (column.mask === "drop") return { ...PLAIN, elementType: "text", isNull: true };
  const type = scalarTypeOf(column.type);
  if (isArrayType(column.type) || real.elementType !== null) {
    if (!isArrayType(column.type) || real.elementType === null) return null;
    const fits = type === "text" ? readsText(real, real.elementType) : FITTING_TYPES[type].includes(real.elementType);
    return fits ? readFromText(real) : null;
  }
  if (isText(real)) {
    if (column.type === "boolean" && column.mask === null) return null;
    return { ...PLAIN, elementType: "text" };
  }
  if (column.type === "text" && column.mask === null) return readsText(real, real.type) ? readFromText(real) : null;
  if (!typesOf(type, column.mask).includes(real.type)) return null;
  if (column.type === "timestamp") {
    return { ...PLAIN, elementType: "timestamptz", isUtcWallTime: real.type === "timestamp" };
  }
  return { ...PLAIN, elementType: column.type === "date" ? "date" : real.type };
}

const readsText = ({ takesText }: TableColumn, type: string): boolean =>
  takesText && (TEXT_TYPES.has(type) || !NOT_FROM_TEXT.has(type));

const readFromText = ({ typeSql, roundingSql }: TableColumn): ColumnFit => ({
  ...PLAIN,
  elementType: "text",
  readAs: typeSql,
  roundedTo: roundingSql,
});

/** The PostgreSQL types, besides text, that hold what a mask gives. */
function typesOf(type: ScalarType, mask: MaskName | null): readonly string[] {
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

export function isText(real: TableColumn): boolean {
  return TEXT_TYPES.has(real.type);
}
