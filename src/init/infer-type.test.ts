import { describe, expect, it } from "vitest";
import { inferType } from "./infer-type.ts";

const TYPES: ReadonlyArray<readonly [string, string, readonly unknown[]]> = [
  ["boolean", "x", [true, false]],
  ["integer", "x", [1, -2, 5e3]],
  ["number", "x", [1, 0.5]],
  ["uuid", "x", ["d69123e8-026e-4668-86a3-081ec6731650"]],
  ["ip", "x", ["192.0.2.1", "2001:db8::1"]],
  ["timestamp", "x", ["2026-01-31T23:59:59Z"]],
  ["date", "x", ["2026-01-31", "2026-02-01T00:00:00+02:00"]],
  ["version", "app_version", ["9.19", "0.96", "7"]],
  ["version", "build", ["2.3.0", "10.0.1"]],
  ["text", "price", ["9.19", "0.96"]],
  ["text", "server", ["9.19"]],
  ["text", "app_version", ["2.3.0-beta"]],
  ["text", "x", ["a", ""]],
  ["text", "x", []],
  ["json", "x", [[1], [2]]],
  ["json", "x", ["a", 1]],
];

describe("the type of values", () => {
  it.each(TYPES)("is %s for %s", (type, name, values) => {
    expect(inferType(name, values)).toEqual({ type, refused: 0 });
  });

  it("is that of most values where json will not do, with the others counted", () => {
    expect(inferType("x", ["a", "b", 1], true)).toEqual({ type: "text", refused: 1 });
    expect(inferType("x", [{ a: 1 }], true)).toEqual({ type: "json", refused: 0 });
  });
});
