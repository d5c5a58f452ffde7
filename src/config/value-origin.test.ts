import { expect, test } from "vitest";
import { parseOrigin, placesIn, renderPlace, showFrom } from "./value-origin.ts";

const FIELDS = [
  ["ip", { kind: "field", path: ["ip"] }],
  ["device.os.name", { kind: "field", path: ["device", "os", "name"] }],
  ["items[0].sku", { kind: "field", path: ["items", 0, "sku"] }],
  ['"@sent_at"', { kind: "field", path: ["@sent_at"] }],
  ["@message_id", { kind: "metadata", name: "message_id" }],
  ["@sent_at", { kind: "metadata", name: "sent_at" }],
  ["@received_at", { kind: "metadata", name: "received_at" }],
  ["@group_id", { kind: "metadata", name: "group_id" }],
  ["@sns.topic", { kind: "metadata", name: "sns.topic" }],
  ["@sns.message_id", { kind: "metadata", name: "sns.message_id" }],
  ["@attribute.tenant", { kind: "attribute", name: "tenant" }],
  ["@attribute.a.b-c_1", { kind: "attribute", name: "a.b-c_1" }],
] as const;

test.each(FIELDS)("%s", (from, value) => {
  expect(parseOrigin(from)).toStrictEqual({ ok: true, value });
  expect(renderPlace(value)).toBe(from);
});

const EMPTY_PART = "has an empty part (part 2); it must be a field, or a path such as device.os.name";
const UNKNOWN =
  "names unknown metadata; it must be one of @message_id, @sent_at, @received_at, @group_id, @sns.topic, @sns.subject, @sns.timestamp, @sns.message_id, @index, @attribute.NAME, or in double quotes a field that begins with @";
const ATTRIBUTE =
  "names no possible message attribute; after @attribute. it must have 1 to 256 letters, digits, _ - or periods";

test.each([
  ["a..b", EMPTY_PART],
  ["@", UNKNOWN],
  ["@Sent_at", UNKNOWN],
  ["@sent_at.x", UNKNOWN],
  ["@sns", UNKNOWN],
  ["@attribute", UNKNOWN],
  ["@attribute.", ATTRIBUTE],
  ["@attribute.a b", ATTRIBUTE],
  [`@attribute.${"a".repeat(257)}`, ATTRIBUTE],
])("%.30j is refused", (from, error) => {
  expect(parseOrigin(from)).toStrictEqual({ ok: false, error });
});

test("several places are tried in their order, and one alone is no choice", () => {
  const [ip, device] = [FIELDS[0][1], FIELDS[1][1]];
  const value = { kind: "first", places: [ip, device] };
  expect(parseOrigin(["ip", "device.os.name"])).toStrictEqual({ ok: true, value });
  expect(parseOrigin(["ip"])).toStrictEqual({ ok: true, value: ip });
  expect(parseOrigin(["ip", "a..b", "@"])).toStrictEqual({ ok: false, error: EMPTY_PART });
  expect(showFrom(["ip", "device.os.name"])).toBe("ip or device.os.name");
});

test("of what may be wrong, the places that can be read are known", () => {
  expect(placesIn(["ip", "a..b", 5])).toStrictEqual([FIELDS[0][1]]);
  expect(placesIn(undefined)).toStrictEqual([]);
});
