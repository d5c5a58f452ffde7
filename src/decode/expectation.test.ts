import { expect, test } from "vitest";
import { decoderOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import type { Column, ColumnBounds } from "../pipeline/contracts.ts";

const NO_BOUNDS: ColumnBounds = { charsMax: null, integerMin: null, integerMax: null, isText: false };

type Declared = Partial<Column> & Pick<Column, "type">;

function detailOf(column: Declared, value: string, bounds: Partial<ColumnBounds> = {}): string | undefined {
  const declared = testColumn({ name: "a", ...column });
  const decode = decoderOf([declared], new Map([["a", { ...NO_BOUNDS, ...bounds }]]), { unknownFields: "ignore" });
  const body = `{"a":${value}}`;
  const result = decode(testDelivery(body));
  return result.ok ? "accepted" : result.error.detail;
}

test.each<[Declared, string, string]>([
  [{ type: "integer" }, '"5"', "expected an integer, found text"],
  [{ type: "integer" }, "5.5", "expected an integer, found a number with decimals"],
  [{ type: "text" }, "5", "expected text, found a whole number"],
  [{ type: "boolean" }, "{}", "expected true or false, found an object"],
  [{ type: "number" }, "[1]", "expected a number, found an array"],
  [{ type: "ip" }, "true", "expected an IP address, found true or false"],
  [{ type: "uuid" }, '"x"', "expected a UUID, found other text"],
  [{ type: "timestamp" }, '"2026-03-01"', "expected a timestamp with a zone, found other text"],
  [{ type: "timestamp", formats: ["epoch-ms"] }, '"x"', "expected a timestamp as milliseconds since 1970, found text"],
  [{ type: "date", formats: ["rfc3339", "sql"] }, '"x"', "expected a date as RFC 3339 or SQL's form, found other text"],
  [{ type: "decimal" }, '"1,5"', "expected a decimal number, found other text"],
  [{ type: "integer[]" }, "5", "expected an array of integers, found a whole number"],
  [{ type: "integer[]" }, '["5"]', "expected an array of integers, found an array with something else in it"],
  [{ type: "uuid[]" }, '["5"]', "expected an array of UUIDs, found an array with something else in it"],
])("%o of %s: %s", (column, value, detail) => {
  expect(detailOf(column, value)).toBe(detail);
});

test("the bounds of the table's column are told where they are the reason", () => {
  const smallint = { integerMin: -32_768, integerMax: 32_767 };
  expect(detailOf({ type: "integer" }, "40000", smallint)).toBe("expected an integer from -32768 to 32767");
  expect(detailOf({ type: "text" }, '"four"', { charsMax: 3, isText: true })).toBe(
    "expected text of at most 3 characters",
  );
  expect(detailOf({ type: "decimal" }, "1.234", { numeric: { precision: 9, scale: 2 } })).toBe(
    "expected a decimal number that numeric(9, 2) holds as it is",
  );
  const nanoseconds = '"2026-03-01T10:00:00.123456789Z"';
  expect(detailOf({ type: "timestamp" }, nanoseconds)).toBe(
    "expected a timestamp with a zone, with at most 6 decimals of a second",
  );
  expect(detailOf({ type: "timestamp" }, nanoseconds, { secondDecimals: 0 })).toBe(
    "expected a timestamp with a zone, with at most 0 decimals of a second",
  );
  expect(detailOf({ type: "text" }, '"SAD"', { labels: new Set(["sad"]) })).toBe(
    "expected a label of the column's enum, found other text",
  );
});

test("a masked value is held to its type, not to the column of its tokens", () => {
  const masked: Declared = { type: "text", mask: "hmac-sha256" };
  expect(detailOf(masked, JSON.stringify("a".repeat(70_000)), { charsMax: 60, isText: true })).toBeUndefined();
});

test("a path through something that is no object says so", () => {
  const column: Declared = { type: "text", origin: { kind: "field", path: ["a", "b"] }, from: "a.b" };
  expect(detailOf(column, '"x"')).toBe("expected an object or array on the way to it");
});

test("a reason that says it all has none", () => {
  expect(detailOf({ type: "text" }, "null")).toBeUndefined();
  expect(detailOf({ type: "text" }, '"\\u0000"')).toBeUndefined();
});

test("a notification that is not unwrapped tells what unwraps it", () => {
  const body = { Type: "Notification", TopicArn: "arn:aws:sns:eu-west-1:000000000000:t", Message: '{"a":1}' };
  const text = JSON.stringify(body).slice(1, -1);
  const found = "found an SNS notification, which `unwrap: sns` unwraps";
  expect(detailOf({ type: "text", from: "b", origin: { kind: "field", path: ["b"] } }, `1,${text}`)).toBe(found);
  expect(detailOf({ type: "text", from: "Message", origin: { kind: "field", path: ["Message"] } }, `1,${text}`)).toBe(
    found,
  );
});
