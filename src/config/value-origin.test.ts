import { expect, test } from "vitest";
import { parseOrigin } from "./value-origin.ts";

test.each([
  ["ip", { kind: "field", path: ["ip"] }],
  ["device.os.name", { kind: "field", path: ["device", "os", "name"] }],
  ["a b.ü", { kind: "field", path: ["a b", "ü"] }],
  ["@message_id", { kind: "metadata", name: "message_id" }],
  ["@sent_at", { kind: "metadata", name: "sent_at" }],
  ["@received_at", { kind: "metadata", name: "received_at" }],
  ["@group_id", { kind: "metadata", name: "group_id" }],
  ["@attribute.tenant", { kind: "attribute", name: "tenant" }],
  ["@attribute.a.b-c_1", { kind: "attribute", name: "a.b-c_1" }],
])("%s", (from, value) => {
  expect(parseOrigin(from)).toStrictEqual({ ok: true, value });
});

const EMPTY_PART = "has an empty part; it must be a field, or a path such as device.os.name";
const UNKNOWN =
  "names unknown metadata; it must be one of @message_id, @sent_at, @received_at, @group_id, @attribute.NAME";
const ATTRIBUTE =
  "names no possible message attribute; after @attribute. it must have 1 to 256 letters, digits, _ - or periods";

test.each([
  ["", EMPTY_PART],
  [".", EMPTY_PART],
  ["a..b", EMPTY_PART],
  ["a.", EMPTY_PART],
  ["@", UNKNOWN],
  ["@Sent_at", UNKNOWN],
  ["@sent_at.x", UNKNOWN],
  ["@attribute", UNKNOWN],
  ["@attribute.", ATTRIBUTE],
  ["@attribute.a b", ATTRIBUTE],
  [`@attribute.${"a".repeat(257)}`, ATTRIBUTE],
])("%.30j is refused", (from, error) => {
  expect(parseOrigin(from)).toStrictEqual({ ok: false, error });
});
