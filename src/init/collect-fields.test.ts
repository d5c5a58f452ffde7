import { describe, expect, it } from "vitest";
import { collectFields } from "./collect-fields.ts";
import type { JsonObject } from "./collect-fields.ts";
import { mainKindOf } from "./main-kind.ts";

const shown = (events: readonly JsonObject[]) =>
  collectFields(events).fields.map(
    ({ path, values, isOptional, hasDataKeys }) =>
      `${path.join(".")}: ${values.length}${isOptional ? " optional" : ""}${hasDataKeys ? " data keys" : ""}`,
  );

describe("the fields of events", () => {
  it("are in the order of their appearance, optional when missing or null somewhere", () => {
    expect(shown([{ a: 1, b: null }, { c: 2, a: 3 }, { a: 0 }])).toEqual(["a: 3", "b: 0 optional", "c: 1 optional"]);
  });

  it("are followed into objects, and not into arrays", () => {
    const event = { device: { os: { name: "x" }, id: 1 }, tags: [{ ip: 1 }] };
    expect(shown([event, { ...event, device: null }])).toEqual([
      "device.os.name: 1 optional",
      "device.id: 1 optional",
      "tags: 2",
    ]);
  });

  it("are one field where a value is no object, where there is nothing inside, and where it lies deep", () => {
    expect(shown([{ a: { b: 1 } }, { a: "text" }])).toEqual(["a: 2"]);
    expect(shown([{ a: {} }])).toEqual(["a: 1"]);
    const deep = { a: { b: { c: { d: { e: { f: { g: { h: { i: 1 } } } } } } } } };
    expect(shown([deep])).toEqual(["a.b.c.d.e.f.g.h: 1"]);
  });

  it("end where keys are data", () => {
    expect(shown([{ seen: { "jane@example.org": 1 } }])).toEqual(["seen: 1 data keys"]);
    expect(shown(["jane", "john", "joan"].map((name) => ({ seen: { [name]: 1 } })))).toEqual(["seen: 3 data keys"]);
    const kinds = Array.from({ length: 9 }, (_, index) => ({ request: { [`k${index % 3}`]: 1 } }));
    expect(shown(kinds)).toEqual(["request: 9"]);
    const many = Object.fromEntries(Array.from({ length: 61 }, (_, index) => [`k${index}`, 1]));
    expect(shown([{ seen: many }])).toEqual(["seen: 1 data keys"]);
  });

  it("are followed into an array that has one object in every event, and into no other", () => {
    const one = { Records: [{ s3: { key: "x" } }], tags: ["x"] };
    expect(shown([one, one, one])).toEqual(["Records.0.s3.key: 3", "tags: 3"]);
    expect(shown([one])).toEqual(["Records.0.s3.key: 1", "tags: 1"]);
    expect(shown([{ items: [{ a: 1 }] }])).toEqual(["items: 1"]);
    expect(shown([one, one, { ...one, Records: [] }])).toEqual(["Records: 3", "tags: 3"]);
    expect(shown([one, one, { tags: [] }])).toEqual(["Records: 2 optional", "tags: 3"]);
  });

  it("are folded from the deepest on where there are too many, and counted where that is not enough", () => {
    const wide = { a: { b: { c: 1, d: 2 }, e: 3 }, f: 4, g: 5 };
    const folded = (fieldsMax: number) => {
      const { fields, surplus } = collectFields([wide], { fieldsMax });
      return [fields.map(({ path }) => path.join(".")), surplus];
    };
    expect(folded(5)).toEqual([["a.b.c", "a.b.d", "a.e", "f", "g"], 0]);
    expect(folded(4)).toEqual([["a.b", "a.e", "f", "g"], 0]);
    expect(folded(3)).toEqual([["a", "f", "g"], 0]);
    expect(folded(2)).toEqual([["a", "f"], 1]);
  });

  it("do not show odd keys, but are counted", () => {
    const collected = collectFields([{ a: 1, "jane@example.org": 1, "x y": 2 }]);
    expect(collected.fields.map(({ path }) => path)).toEqual([["a"]]);
    expect(collected.oddKeys).toHaveLength(2);
    const dotted = collectFields([{ "user.id": 1, "a.b.c": { "d.e": 1 }, "x y.z": 1 }]);
    expect(dotted.fields.map(({ path }) => path)).toEqual([["user.id"], ["a.b.c", "d.e"]]);
    expect(dotted.oddKeys).toHaveLength(1);
  });
});

describe("the main kind of events", () => {
  const logins = Array.from({ length: 9 }, (_, id) => ({ id, ip: "x", ...(id > 5 ? { extra: 1 } : {}) }));

  it("leaves a stray event aside, and keeps one that lacks a field", () => {
    const partial = { id: 10 };
    const { events, others } = mainKindOf([...logins, partial, { foo: 1 }, {}]);
    expect(events).toEqual([...logins, partial]);
    expect(others).toBe(2);
  });

  it("is nothing when no field is common", () => {
    expect(mainKindOf([{ a: 1 }, { b: 1 }, { c: 1 }])).toEqual({ events: [], others: 3 });
  });
});
