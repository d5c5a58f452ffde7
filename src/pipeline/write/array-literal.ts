import type { ColumnValue } from "../contracts.ts";

const SPECIAL = /["\\]/;
const EVERY_SPECIAL = /["\\]/g;

/**
 * A PostgreSQL array literal: PostgreSQL, "Arrays", section "Array Input and Output Syntax". Every text is quoted,
 * whatever it holds: an unquoted comma would shift the values of all rows behind it.
 */
export function arrayLiteral(values: readonly ColumnValue[]): string {
  let literal = "{";
  for (let index = 0; index < values.length; index += 1) {
    if (index > 0) literal += ",";
    const value = values[index];
    if (typeof value === "string") literal += quoteElement(value);
    else literal += value === null || value === undefined ? "NULL" : String(value);
  }
  return `${literal}}`;
}

/** One text element, quoted. */
function quoteElement(value: string): string {
  return SPECIAL.test(value) ? `"${value.replace(EVERY_SPECIAL, "\\$&")}"` : `"${value}"`;
}

/** A bytea[] literal, in the hex format. */
export function byteaArrayLiteral(values: readonly (Uint8Array | null)[]): string {
  const elements = values.map((bytes) =>
    bytes === null ? "NULL" : `"\\\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}"`,
  );
  return `{${elements.join(",")}}`;
}
