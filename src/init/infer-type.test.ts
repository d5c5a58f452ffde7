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
  ["text", "rate", ["9.19", "0.96"]],
  ["decimal", "price", ["9.19", "0.96"]],
  ["decimal", "totals.net", [560.34, 29]],
  ["decimal", "event_value_in_usd", [120.42]],
  ["integer", "amount", [67_987, 34_349]],
  ["text", "amount", ["12 EUR", "9.50"]],
  ["mac", "x", ["74:20:3B:64:FB:B8", "f8-db-3d-8e-73-89"]],
  ["text", "x", ["74203b64fbb8"]],
  ["phone", "x", ["+49303864169", "+493040823454"]],
  ["text", "x", ["+49303864169", "030 4082345"]],
  ["text", "event_date", ["20260301"]],
  ["text", "api_version", ["2025-11-17"]],
  ["text", "version", ["0"]],
  ["text", "server", ["9.19"]],
  ["text", "app_version", ["2.3.0-beta"]],
  ["text", "day or moment", ["2026-01-31", "2026-02-01T00:00:00+02:00"]],
  ["text", "finer than PostgreSQL's times", ["2026-01-31T23:59:59.123456789Z"]],
  ["text", "app_version", ["1.02", "1.2"]],
  ["text", "x", ["a", ""]],
  ["text", "x", []],
  ["integer[]", "x", [[1], [2, 3], []]],
  ["integer[]", "x", [[2 ** 60], [1]]],
  ["number[]", "x", [[1.5], [2]]],
  ["decimal[]", "prices", [[1.5], [2]]],
  ["text[]", "x", [["a"], [], ["b", "c"]]],
  ["text[]", "x", [["192.0.2.1"]]],
  ["uuid[]", "x", [["d69123e8-026e-4668-86a3-081ec6731650"]]],
  ["json", "x", [[], []]],
  ["json", "x", [["a", 1]]],
  ["json", "x", [["a", null]]],
  ["json", "x", [[["a"]]]],
  ["json", "x", [["a"], "b"]],
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
    expect(inferType("x", [[UNKEPT], [1]])).toEqual({ type: "json", refused: 0 });
    expect(inferType("x", [{ a: UNKEPT }])).toEqual({ type: "json", refused: 0 });
  });

  it("is that of most values where json will not do, with the others counted", () => {
    expect(inferType("x", ["a", "b", 1], true)).toEqual({ type: "text", refused: 1 });
    expect(inferType("x", [{ a: 1 }], true)).toEqual({ type: "json", refused: 0 });
  });
});

describe("times", () => {
  it.each<[string, string, readonly unknown[], object]>([
    ["seconds", "created", [1_772_352_034, 1_772_353_037], { format: "epoch-s" }],
    ["seconds with a fraction", "ts", [1_772_352_028.742], { format: "epoch-s" }],
    ["milliseconds", "placed_at", [1_772_352_001_212], { format: "epoch-ms" }],
    ["microseconds", "event_timestamp", [1_772_352_003_057_266], { format: "epoch-us" }],
    ["digits of a text", "event_timestamp", ["1772352003057266"], { format: "epoch-us", coerce: true }],
    ["a clock's double", "time", [1_772_352_028.742_385_1], { format: "epoch-s", cut: true }],
    ["SQL's", "etl_tstamp", ["2026-03-01 08:00:35.573"], { format: "sql", zone: "UTC" }],
    ["SQL's under any name", "x", ["2026-03-01T08:00:35", "2026-03-01T08:00:35Z"], { format: "sql", zone: "UTC" }],
  ])("are read as %s", (_, name, values, reading) => {
    expect(inferType(name, values)).toEqual({ type: "timestamp", refused: 0, ...reading });
  });

  it.each<[string, string, readonly unknown[], string]>([
    ["no name speaks of a time", "seq", [1_772_352_034], "integer"],
    ["one is no such time", "created", [1_772_352_034, 5], "integer"],
    ["seconds and milliseconds are mixed", "created", [1_772_352_034, 1_772_352_034_000], "integer"],
    ["it is too early for any", "response_time", [120, 240], "integer"],
    ["the text holds more", "sent_at", ["2026-03-01 08:00:35 CET"], "text"],
  ])("are none where %s", (_, name, values, type) => {
    expect(inferType(name, values)).toEqual({ type, refused: 0 });
  });
});
