import { isPlainElement, quoteElement } from "../array-element.ts";
import type { ColumnValue } from "../pipeline/contracts.ts";

/**
 * A PostgreSQL array literal: PostgreSQL, "Arrays", section "Array Input and Output Syntax". Every text is quoted,
 * whatever it holds: an unquoted comma would shift the values of all rows behind it.
 */
export function arrayLiteral(values: readonly ColumnValue[]): string {
  // Nearly every column is like this: one text is made, instead of one or two for each value.
  if (values.length > 0 && values.every(isPlainText)) return `{"${values.join('","')}"}`;
  return `{${values.map(element).join(",")}}`;
}

const isPlainText = (value: ColumnValue): boolean => typeof value === "string" && isPlainElement(value);

function element(value: ColumnValue): string {
  if (typeof value === "string") return quoteElement(value);
  if (value === null) return "NULL";
  // As a text it would lose its sign, which double precision keeps.
  return Object.is(value, -0) ? "-0" : String(value);
}

/** A bytea[] literal, in the hex format. */
export function byteaArrayLiteral(values: readonly (Uint8Array | null)[]): string {
  const elements = values.map((bytes) =>
    bytes === null ? "NULL" : `"\\\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}"`,
  );
  return `{${elements.join(",")}}`;
}
