import { describe, expect, it } from "vitest";
import { inferType, tooLargeFor } from "./infer-type.ts";

const TYPES: ReadonlyArray<readonly [string, string, readonly unknown[]]> = [
  ["boolean", "x", [true, false]],
  ["integer", "x", [1, -2, 5e3]],
  ["number", "x", [1, 0.5]],
  ["number", "x", [1, 6.02e23]],
  ["uuid", "x", ["d69123e8-026e-4668-86a3-081ec6731650"]],
  ["ip", "x", ["192.0.2.1", "2001:db8::1"]],
  ["timestamp", "x", ["2026-01-31T23:59:59Z"]],
  ["date", "x", ["2026-01-31", "2026-02-01T02:00:00+02:00"]],
  ["timestamp", "x", ["2026-01-31T23:59:59.123456000Z"]],
  ["version", "app_version", ["9.19", "0.96", "7"]],
  ["version", "build", ["2.3.0", "10.0.1"]],
  ["text", "price", ["9.19", "0.96"]],
  ["text", "server", ["9.19"]],
  ["text", "app_version", ["2.3.0-beta"]],
  ["text", "day or moment", ["2026-01-31", "2026-02-01T00:00:00+02:00"]],
  ["text", "finer than PostgreSQL's times", ["2026-01-31T23:59:59.123456789Z"]],
  ["text", "app_version", ["1.02", "1.2"]],
  ["text", "x", ["a", ""]],
  ["text", "x", []],
  ["json", "x", [[1], [2]]],
  ["json", "x", ["a", 1]],
];

const times = <Value>(count: number, ...values: readonly Value[]): readonly Value[] =>
  Array.from({ length: count }, () => values).flat();
/** As `parseEvents` gives what no double holds. */
const UNKEPT = 2n ** 70n + 1n;
const ADDRESSES = times(9, "192.0.2.1");

/** What only text or json would take whole. */
const NEARLY: ReadonlyArray<readonly [string, string, readonly unknown[]]> = [
  ["ip", "x", [...ADDRESSES, "999.1.2.3"]],
  ["uuid", "x", [...times(9, "d69123e8-026e-4668-86a3-081ec6731650"), "d69123e8"]],
  ["timestamp", "x", [...times(9, "2026-01-31T23:59:59Z"), "yesterday"]],
  ["date", "x", [...times(9, "2026-01-31"), "2026-02-31"]],
  ["version", "build", [...times(9, "2.3.0"), "2.3.0-beta"]],
  ["integer", "x", [...times(9, 1), "1"]],
  ["number", "x", [...times(9, 0.5), "n/a"]],
  ["boolean", "x", [...times(9, true), "yes"]],
  ["text", "x", [...times(9, "a"), 1]],
];

describe("the type of values", () => {
  it.each(TYPES)("is %s for %s", (type, name, values) => {
    expect(inferType(name, values)).toEqual({ type, refused: 0 });
  });

  it.each(NEARLY)("is %s for %s where one of ten values is something else", (type, name, values) => {
    expect(inferType(name, values)).toEqual({ type, refused: 1 });
  });

  it.each<[string, string, readonly unknown[]]>([
    ["two of eleven values are no address", "text", [...ADDRESSES, "x", "y"]],
    ["the other value is empty, which is no mistake", "text", [...ADDRESSES, ""]],
    ["a wider type takes all the numbers", "number", [...times(9, 1), 0.5]],
  ])("is the wider one where %s", (_, type, values) => {
    expect(inferType("x", values)).toEqual({ type, refused: 0 });
  });

  it("stays a number's where a few are too large, and counts those", () => {
    const values = [...times(9, 1), UNKEPT];
    expect(inferType("x", values)).toEqual({ type: "integer", refused: 1 });
    expect(tooLargeFor("integer", values)).toBe(1);
    expect(tooLargeFor("integer", [1, "a", 0.5])).toBe(0);
  });

  it("is json, which keeps all digits, where most numbers are too large or they are inside of arrays", () => {
    expect(inferType("x", [UNKEPT, UNKEPT, 1])).toEqual({ type: "json", refused: 0 });
    expect(inferType("x", [[2 ** 60], [1]])).toEqual({ type: "json", refused: 0 });
    expect(inferType("x", [{ a: UNKEPT }])).toEqual({ type: "json", refused: 0 });
  });

  it("is that of most values where json will not do, with the others counted", () => {
    expect(inferType("x", ["a", "b", 1], true)).toEqual({ type: "text", refused: 1 });
    expect(inferType("x", [{ a: 1 }], true)).toEqual({ type: "json", refused: 0 });
  });
});
