import { expect, test } from "vitest";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { withoutDetail } from "../../tests/support/without-detail.ts";
import { columnsOf } from "../config/config.ts";
import { parseConfig } from "../config/load-config.ts";
import type { PipelineConfig } from "../config/pipeline-config.ts";
import type { RawValue } from "../pipeline/contracts.ts";
import { compileDecoder } from "./compile-decoder.ts";

type Tables = NonNullable<PipelineConfig["tables"]>;

interface Settings {
  readonly each?: string;
  readonly unmatched?: "drop" | "quarantine";
  readonly unknownFields?: "ignore" | "quarantine";
}

function configOf(tables: Tables, { each, ...settings }: Settings) {
  const source = { sqs: { queue: "q" }, ...(each !== undefined && { each }) };
  const sink = { postgres: { url: "postgres://localhost/db" } };
  return parseConfig({ source, sink, tables, ...settings }, { baseFolder: "/" });
}

/** The rows of an event, each behind its table's place; or why it is refused. */
function rowsOf(tables: Tables, body: unknown, settings: Settings = {}): unknown {
  const config = configOf(tables, settings);
  const { unknownFields, unmatched, source } = config;
  const targets = config.tables.map((table) => ({ ...table, bounds: new Map() }));
  const decode = withoutDetail(compileDecoder(targets, { unknownFields, unmatched, each: source.each }));
  const decoded = decode(testDelivery(typeof body === "string" ? body : JSON.stringify(body)));
  if (!decoded.ok) return decoded.error;
  return decoded.value.rows.map(({ table, values }): readonly RawValue[] => [table, ...values]);
}

const ID: Tables = { t: { columns: { id: { type: "text" } } } };
const text = { type: "text" } as const;
const integer = { type: "integer" } as const;

test.each([
  ["a text", "a", { kind: "a" }, true],
  ["another text", "a", { kind: "b" }, false],
  ["one of several", ["a", 1], { kind: 1 }, true],
  ["a number as a text", 1, { kind: "1" }, false],
  ["a truth value", true, { kind: true }, true],
  ["nothing", "a", {}, false],
  ["null", "a", { kind: null }, false],
  ["presence", { present: true }, { kind: 0 }, true],
  ["presence of null", { present: true }, { kind: null }, false],
  ["absence", { present: false }, {}, true],
  ["absence of a value", { present: false }, { kind: "" }, false],
] as const)("a table takes an event by %s", (_what, kind, event, isTaken) => {
  const when = { kind: typeof kind === "object" && "length" in kind ? [...kind] : kind } as NonNullable<
    Tables[string]["when"]
  >;
  const rows = rowsOf({ t: { when, columns: { id: { ...text, value: "x" } } } }, event, { unmatched: "drop" });
  expect(rows).toEqual(isTaken ? [[0, "x"]] : []);
});

test("all conditions must hold, and one event may go into several tables", () => {
  const columns = { id: text };
  const tables: Tables = {
    a: { when: { "m.type": "x", v: 2 }, columns },
    b: { when: { "m.type": "x" }, columns },
  };
  expect(rowsOf(tables, { id: "1", m: { type: "x" }, v: 2 })).toEqual([
    [0, "1"],
    [1, "1"],
  ]);
  expect(rowsOf(tables, { id: "1", m: { type: "x" }, v: 3 })).toEqual([[1, "1"]]);
  expect(rowsOf(tables, { id: "1" })).toEqual({ code: "event.unmatched", path: null });
  expect(rowsOf(tables, { id: "1" }, { unmatched: "drop" })).toEqual([]);
});

const ITEMS: Tables = {
  items: {
    each: "order.items",
    columns: {
      id: { ...text, from: "^.id" },
      n: { ...integer, from: "@index" },
      sku: text,
      size: { ...integer, nullable: true },
      all: { type: "json", from: "." },
    },
  },
};

test("elements have a row each, with what is around them and their place", () => {
  const body = '{"id":"o","order":{"items":[{"sku":"a","size":9007199254740993}, {"sku":"b"}]}}';
  expect(rowsOf(ITEMS, body)).toEqual([
    [0, "o", 0, "a", "9007199254740993", '{"sku":"a","size":9007199254740993}'],
    [0, "o", 1, "b", null, '{"sku":"b"}'],
  ]);
});

test("an array that is missing, null or empty has no rows; what is no array refuses the event", () => {
  for (const order of [{}, { items: null }, { items: [] }]) expect(rowsOf(ITEMS, { id: "o", order })).toEqual([]);
  for (const order of [{ items: {} }, { items: "x" }, 5])
    expect(rowsOf(ITEMS, { id: "o", order })).toEqual({ code: "field.type", path: "order.items" });
});

test("a refusal names the way to the element's field", () => {
  expect(rowsOf(ITEMS, { id: "o", order: { items: [{ sku: "a" }, {}] } })).toEqual({
    code: "field.missing",
    path: "order.items[].sku",
  });
  expect(rowsOf(ITEMS, { order: { items: [{ sku: "a" }] } })).toEqual({ code: "field.missing", path: "^.id" });
});

test("elements of arrays within elements: each level has its own surroundings", () => {
  const tables: Tables = {
    items: {
      each: "packages[].items",
      columns: {
        order: { ...text, from: "^.^.id" },
        parcel: { ...text, from: "^.id" },
        sku: { ...text, from: "." },
        n: { ...integer, from: "@index" },
      },
    },
  };
  const packages = [
    { id: "p", items: ["a", "b"] },
    { id: "q", items: ["c"] },
  ];
  expect(rowsOf(tables, { id: "o", packages })).toEqual([
    [0, "o", "p", "a", 0],
    [0, "o", "p", "b", 1],
    [0, "o", "q", "c", 0],
  ]);
});

test("each element of a body is an event, with rows in the tables that take it", () => {
  const tables: Tables = {
    a: {
      when: { k: "a" },
      columns: { id: text, source: { ...text, from: "^.source" }, n: { ...integer, from: "@index" } },
    },
    b: {
      when: { k: "b" },
      each: "xs",
      columns: { id: { ...text, from: "^.id" }, top: { ...text, from: "^.^.source" } },
    },
  };
  const Records = [
    { k: "a", id: "1" },
    { k: "b", id: "2", xs: [{}, {}] },
  ];
  expect(rowsOf(tables, { source: "s", Records }, { each: "Records" })).toEqual([
    [0, "1", "s", 0],
    [1, "2", "s"],
    [1, "2", "s"],
  ]);
  expect(rowsOf(tables, { Records: [{ k: "c" }] }, { each: "Records" })).toMatchObject({ code: "event.unmatched" });
});

test("a body may be an array where its elements are events, and only there", () => {
  expect(rowsOf(ID, [{ id: "a" }, { id: "b" }], { each: "." })).toEqual([
    [0, "a"],
    [0, "b"],
  ]);
  expect(rowsOf(ID, [{ id: "a" }])).toEqual({ code: "body.not-object", path: null });
  expect(rowsOf(ID, [{ id: "a", __proto: 1 }, { id: "b" }], { each: ".", unknownFields: "quarantine" })).toEqual({
    code: "field.unknown",
    path: null,
  });
  expect(rowsOf(ID, '[{"id":"a"},{"__proto__":1,"id":"b"}]', { each: "." })).toMatchObject({
    code: "body.forbidden-key",
  });
});

test("fields that a table, a condition or an array needs are declared", () => {
  const unknownFields = "quarantine";
  const event = { id: "o", order: { items: [{ sku: "a" }] } };
  expect(rowsOf(ITEMS, event, { unknownFields })).toHaveLength(1);
  expect(rowsOf(ITEMS, { ...event, more: 1 }, { unknownFields })).toEqual({ code: "field.unknown", path: null });
});

test("rows, and what they repeat, are bounded", () => {
  const many = { id: "o", order: { items: Array.from({ length: 10_001 }, () => 0) } };
  const tables: Tables = { t: { each: "order.items", columns: { id: { ...text, from: "^.id" } } } };
  expect(rowsOf(tables, many)).toEqual({ code: "body.too-many-rows", path: null });
  const long = { id: "x".repeat(60_000), order: { items: Array.from({ length: 100 }, () => 0) } };
  expect(rowsOf(tables, long)).toEqual({ code: "body.too-costly", path: null });
  const wide = { id: "o", order: { items: Array.from({ length: 500 }, (_, n) => ({ a: n, b: n, c: n })) } };
  expect(rowsOf(tables, wide)).toHaveLength(500);
});

test("paths that lead above the body, or to elements where there are none, are refused with the configuration", () => {
  const refusal = (tables: Tables, settings: Settings = {}): string => {
    try {
      configOf(tables, settings);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refusal({ t: { columns: { a: { ...text, from: "^.b" } } } })).toContain(
    "tables.t.columns.a.from leads above the event",
  );
  expect(refusal({ t: { columns: { a: { ...integer, from: "@index" } } } })).toContain("needs each");
  expect(refusal({ t: { each: "x", columns: { a: { ...text, from: "^.^.b" } } } })).toContain("at most");
  expect(refusal({ t: { each: "x", columns: { a: { ...text, from: "^.^.b" } } } }, { each: "Records" })).toBe("");
  expect(refusal({ t: { each: ".", columns: { a: text } } })).toContain("tables.t.each names the event as a whole");
  expect(refusal({ t: { when: { "^.a": 1 }, columns: { a: text } } })).toContain("leads above the event");
});

test("what one table masks, no other stores as it is", () => {
  const refusal = (items: Tables[string]): string => {
    const orders = { columns: { email: { from: "customer.email", type: "text", mask: "hmac-sha256" } } } as const;
    try {
      return columnsOf(configOf({ orders, items }, {})).length.toString();
    } catch (error) {
      return (error as Error).message;
    }
  };
  const raw = "would store unmasked what another column masks";
  expect(refusal({ each: "items", columns: { customer: { type: "json", from: "^.customer" } } })).toContain(raw);
  expect(refusal({ each: "items", columns: { a: { ...text, from: "^.customer.email" } } })).toContain(raw);
  expect(refusal({ each: "items", columns: { a: { ...text, from: "customer.email" } } })).toBe("2");
  const email = { from: "^.customer.email", type: "text", mask: "aes-siv" } as const;
  expect(refusal({ each: "items", columns: { email } })).toContain("has another mask");
  expect(refusal({ each: "items", columns: { email: { ...email, key: "other" } } })).toBe("2");
});
