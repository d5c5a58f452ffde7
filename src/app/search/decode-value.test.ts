import { expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import type { ColumnType, MaskName } from "../../pipeline/contracts.ts";
import { decodeValue } from "./searched-columns.ts";

const decode = (type: ColumnType, text: string, mask: MaskName = "hmac-sha256") =>
  decodeValue(testColumn({ name: "c", from: "@sent_at", type, mask }), text);

test.each<[ColumnType, string, string]>([
  ["text", " 593-47-5928", " 593-47-5928"],
  ["ip", "2001:DB8::1", "2001:DB8::1"],
  ["uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["integer", "4711", "4711"],
  ["integer", "9007199254740993", "9007199254740993"],
  ["decimal", "12.50", "12.5"],
  ["mac", "08-00-2B-01-02-03", "08:00:2b:01:02:03"],
  ["phone", "+49 30 1234567", "+49301234567"],
  ["boolean", "true", "true"],
  ["number", "1e1", "10"],
])("a value of type %s is read like an event's: %s", (type, text, value) => {
  expect(decode(type, text)).toEqual({ ok: true, value });
});

test.each<[ColumnType, string]>([
  ["ip", "999.1.1.1"],
  ["ip", "010.8.8.8"],
  ["integer", "12a"],
  ["integer", "4711.5"],
  ["uuid", "593-47-5928"],
  ["text", "a\0b"],
  ["text", ""],
])("what the pipeline would refuse in a column of type %s is none of its values: %j", (type, text) => {
  expect(decode(type, text).ok).toBe(false);
});

test("a text that a column stores NULL for is none of its values", () => {
  const column = testColumn({ name: "c", type: "ip", mask: "hmac-sha256", otherwise: null, nullable: true });
  expect(decodeValue(column, "unknown").ok).toBe(false);
  expect(decodeValue({ ...column, strip: "port" }, "203.0.113.7:443")).toEqual({ ok: true, value: "203.0.113.7" });
});

test("masks without normalisation take the text as it is", () => {
  expect(decode("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "sha256")).toMatchObject({
    value: "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
  });
});
