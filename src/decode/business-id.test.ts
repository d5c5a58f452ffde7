import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { decoderOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { withoutDetail } from "../../tests/support/without-detail.ts";
import type { BusinessIdField, Delivery, RejectionCode } from "../pipeline/contracts.ts";

const COLUMNS = [testColumn({ name: "n", type: "integer", nullable: true })];
const field = (from: string): BusinessIdField => ({ from, origin: { kind: "field", path: from.split(".") } });
const ATTRIBUTE: BusinessIdField = { from: "@attribute.id", origin: { kind: "attribute", name: "id" } };

const delivery = (body: string, attributes: ReadonlyMap<string, string> = new Map()): Delivery =>
  testDelivery(body, { attributes });

/** The business id of a body, or why it is refused. */
function businessId(dedupeBy: BusinessIdField, body: string, attributes?: ReadonlyMap<string, string>): unknown {
  const decode = withoutDetail(decoderOf(COLUMNS, new Map(), { unknownFields: "quarantine", dedupeBy }));
  const decoded = decode(delivery(body, attributes));
  return decoded.ok ? decoded.value.businessId : decoded.error;
}
const refusal = (code: RejectionCode, path: string): unknown => ({ code, path });

describe("what a business id is", () => {
  test.each([
    ["a text", '"a-1"', "a-1"],
    ["a text, exactly", '" A\\u0301 "', " A\u0301 "],
    ["a text of digits, exactly", '"007.0"', "007.0"],
    ["a number", "42", "42"],
    ["a number like the text of it", '"42"', "42"],
    ["a number without a fraction, in its shortest form", "4.20e1", "42"],
    ["a negative number", "-7", "-7"],
    ["zero, however it is written", "-0.0", "0"],
    ["the largest number that is exact", "9007199254740991", "9007199254740991"],
  ])("%s", (_what, written, id) => {
    expect(businessId(field("id"), `{"id":${written}}`)).toBe(id);
  });

  test.each<readonly [string, string, RejectionCode]>([
    ["no field", "{}", "field.missing"],
    ["null", '{"id":null}', "field.null"],
    ["an empty text", '{"id":""}', "field.null"],
    ["true", '{"id":true}', "field.type"],
    ["a number with a fraction", '{"id":1.5}', "field.type"],
    ["an object", '{"id":{}}', "field.type"],
    ["a list", '{"id":["a"]}', "field.type"],
    ["a number that JSON.parse rounds to another id", '{"id":9007199254740993}', "field.range"],
    ["a fraction that JSON.parse rounds away", '{"id":4503599627370497.7}', "field.range"],
    ["infinity", '{"id":1e400}', "field.range"],
    ["half a surrogate pair", '{"id":"\\ud800"}', "field.lone-surrogate"],
    ["more than any text may have", `{"id":"${"a".repeat(65_537)}"}`, "field.too-long"],
  ])("%s is refused", (_what, body, code) => {
    expect(businessId(field("id"), body)).toEqual(refusal(code, "id"));
  });

  test("it may be nested, and what bars the way is refused", () => {
    expect(businessId(field("order.id"), '{"order":{"id":"o-1"}}')).toBe("o-1");
    expect(businessId(field("order.id"), '{"order":{"id":9007199254740993}}')).toEqual(
      refusal("field.range", "order.id"),
    );
    expect(businessId(field("order.id"), '{"order":{}}')).toEqual(refusal("field.missing", "order.id"));
    expect(businessId(field("order.id"), '{"order":null}')).toEqual(refusal("field.null", "order.id"));
    expect(businessId(field("order.id"), '{"order":"o-1"}')).toEqual(refusal("field.type", "order.id"));
  });

  test("it may be an attribute, which is text", () => {
    expect(businessId(ATTRIBUTE, "{}", new Map([["id", "007"]]))).toBe("007");
    expect(businessId(ATTRIBUTE, "{}", new Map([["id", "9007199254740993"]]))).toBe("9007199254740993");
    expect(businessId(ATTRIBUTE, "{}")).toEqual(refusal("field.missing", "@attribute.id"));
  });
});

test("its field is declared: no unknown one, and named when it is there twice", () => {
  expect(businessId(field("id"), '{"id":"a","n":1}')).toBe("a");
  expect(businessId(field("id"), '{"id":"a","id":"b"}')).toEqual(refusal("body.duplicate-key", "id"));
});

test("a column that is refused gives the reason", () => {
  expect(businessId(field("id"), '{"n":"x"}')).toEqual(refusal("field.type", "n"));
});

test("it changes no value of the columns", () => {
  const decode = decoderOf(COLUMNS, new Map(), { unknownFields: "ignore", dedupeBy: field("n") });
  expect(decode(delivery('{"n":5}'))).toMatchObject({ ok: true, value: { values: [5], businessId: "5" } });
  const without = decoderOf(COLUMNS, new Map(), { unknownFields: "ignore" });
  expect(without(delivery('{"n":5}'))).toMatchObject({ ok: true, value: { values: [5], businessId: null } });
});

test("two values have one id only when they are equal, or a whole number and its text", () => {
  const number = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -9, max: 9 }), fc.double());
  const value = fc.oneof(fc.string({ unit: codePoint }), number, number.map(String), fc.constantFrom(null, true));
  const decode = decoderOf([], new Map(), { unknownFields: "ignore", dedupeBy: field("id") });
  const idOf = (id: string | number | boolean | null): string | null => {
    const decoded = decode(delivery(JSON.stringify({ id })));
    return decoded.ok ? decoded.value.businessId : null;
  };
  fc.assert(
    fc.property(value, value, (a, b) => {
      const id = idOf(a);
      if (id === null) return;
      expect(typeof a === "string" || Number.isSafeInteger(a)).toBe(true);
      expect(id).toBe(String(a));
      if (idOf(b) === id) expect(String(b)).toBe(id);
    }),
  );
});
