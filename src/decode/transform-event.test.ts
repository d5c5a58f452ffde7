import { expect, test, vi } from "vitest";
import { testColumn } from "../../tests/support/test-column.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import type { UnwrapStep, Transform } from "../pipeline/contracts.ts";
import { compileDecoder } from "./compile-decoder.ts";

const COLUMNS = [testColumn({ name: "a", type: "text" }), testColumn({ name: "n", type: "integer", nullable: true })];

const TARGET = { columns: COLUMNS, when: [], each: null, bounds: new Map() };

function decode(transform: Transform | undefined, body: string, unwrap: readonly UnwrapStep[] = []): unknown {
  const options = { unknownFields: "ignore", unwrap, ...(transform && { transform }) } as const;
  const decoded = compileDecoder([TARGET], options)(testDelivery(body));
  return decoded.ok ? decoded.value.rows.map(({ values }) => values) : decoded.error;
}

test("columns read what the transform makes of an event: another, several, or none", () => {
  const body = '{"a":"x","n":1}';
  expect(decode((event) => ({ ...event, a: "y" }), body)).toEqual([["y", 1]]);
  expect(decode((event) => [event, { a: "z" }], body)).toEqual([
    ["x", 1],
    ["z", null],
  ]);
  expect(decode(() => null, body)).toEqual([]);
  expect(decode(() => [], body)).toEqual([]);
});

test("what it throws, or gives instead of an event, refuses the message without a word of it", () => {
  const refusal = { code: "event.transform", path: null };
  const thrown = decode(() => {
    throw new Error("canary");
  }, '{"a":"x"}');
  expect(thrown).toEqual({ ...refusal, detail: "the transform threw" });
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  for (const given of ["text", 5, undefined, [{ a: "x" }, 5], circular, { a: 1n }]) {
    expect(decode(() => given as never, '{"a":"x"}')).toMatchObject(refusal);
  }
  expect(() => decode((() => Promise.resolve({})) as never, '{"a":"x"}')).toThrow("it must give its result at once");
});

test("what is no event does not get to it, and is refused as ever", () => {
  const transform = vi.fn<Transform>((event) => event);
  expect(decode(transform, "[1]")).toMatchObject({ code: "body.not-object" });
  expect(decode(transform, "{")).toMatchObject({ code: "body.not-json" });
  expect(decode(transform, `{"a":${"[".repeat(200)}${"]".repeat(200)}}`)).toMatchObject({ code: "body.too-deep" });
  expect(transform).not.toHaveBeenCalled();
});

test("a whole number that JSON.parse would round is refused, and not changed in silence", () => {
  const transform: Transform = (event) => event;
  expect(decode(transform, '{"a":"9007199254740993","n":9007199254740991}')).toEqual([
    ["9007199254740993", 9_007_199_254_740_991],
  ]);
  expect(decode(transform, '{"a":"x","other":{"id":9007199254740993}}')).toMatchObject({ code: "field.range" });
  expect(decode(transform, '{"a":"x","other":0.12345678901234567890}')).toEqual([["x", null]]);
});

test("what is dropped needs no business id, and several events have one", () => {
  const dedupeBy = { from: "id", origin: { kind: "field", path: ["id"] } } as const;
  const idOf = (transform: Transform): unknown => {
    const decoded = compileDecoder([TARGET], { unknownFields: "ignore", dedupeBy, transform })(
      testDelivery('{"a":"x","id":"1"}'),
    );
    return decoded.ok ? decoded.value.businessId : decoded.error;
  };
  expect(idOf(() => null)).toBeNull();
  expect(idOf((event) => [event, { ...event, a: "y" }])).toBe("1");
  expect(idOf((event) => [event, { ...event, id: "2" }])).toMatchObject({ code: "event.transform" });
  expect(idOf(() => ({ a: "x" }))).toMatchObject({ code: "field.missing", path: "id" });

  const logins = {
    ...TARGET,
    when: [{ place: { kind: "field", path: ["k"] }, from: "k", test: { kind: "equals", values: ["login"] } }],
  } as const;
  const dropping = compileDecoder([logins], { unknownFields: "ignore", dedupeBy, unmatched: "drop" });
  expect(dropping(testDelivery('{"k":"other"}'))).toMatchObject({ ok: true, value: { rows: [], businessId: null } });
  expect(dropping(testDelivery('{"k":"login","a":"x"}'))).toMatchObject({
    ok: false,
    error: { code: "field.missing" },
  });
});

test("lines are events of one message, blank ones are none", () => {
  const lines = ["lines"] as const;
  expect(decode(undefined, '\ufeff{"a":"x"}\r\n\n{"a":"y","n":2}\n', lines)).toEqual([
    ["x", null],
    ["y", 2],
  ]);
  expect(decode(undefined, '{"a":"x"}\n{"a":5}', lines)).toMatchObject({ code: "field.type", path: "a" });
  expect(decode(undefined, " \n \n", lines)).toEqual({ code: "body.empty", path: null });
  expect(decode(undefined, '{"a":"x"}\n'.repeat(10_001), lines)).toMatchObject({ code: "body.too-many-rows" });
  const packed = Buffer.from('{"a":"x"}\n{"a":"y"}').toString("base64");
  expect(decode((event) => ({ ...event, n: 3 }), packed, ["base64", "lines"])).toEqual([
    ["x", 3],
    ["y", 3],
  ]);
});
