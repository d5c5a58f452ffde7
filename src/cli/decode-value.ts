import { compileDecoder } from "../decode/compile-decoder.ts";
import type { Column, Delivery, Rejection, Result } from "../pipeline/contracts.ts";

const ATTRIBUTE = "value";

/**
 * Reads a text that a person gave as the pipeline would read it: checked against the column's type and brought into its
 * form. Like an attribute of a message, which is text as well and read as the column's type means it.
 */
export function decodeValue(column: Column, text: string): Result<string, Rejection> {
  const from = { kind: "attribute", name: ATTRIBUTE } as const;
  const decode = compileDecoder([{ ...column, origin: from, nullable: false }], new Map(), { unknownFields: "ignore" });
  const decoded = decode(deliveryOf(text));
  return decoded.ok ? { ok: true, value: String(decoded.value.values[0]) } : decoded;
}

const deliveryOf = (text: string): Delivery => ({
  id: "value",
  attempt: 1,
  sentAtMs: 0,
  receivedAtMs: 0,
  groupId: null,
  body: "{}",
  bytes: 2,
  attributes: new Map([[ATTRIBUTE, text]]),
});
