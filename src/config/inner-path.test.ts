import { describe, expect, test } from "vitest";
import { parseInnerPath, pathsMeet, showInnerPath } from "./inner-path.ts";

const steps = (path: string): readonly (string | null)[] => {
  const parsed = parseInnerPath(path);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

test.each([
  ["ip", ["ip"], "ip"],
  ["user.id", ["user", "id"], "user.id"],
  ["devices[].id", ["devices", null, "id"], "devices[].id"],
  ["[].id", [null, "id"], "[].id"],
  ["a[][].b[]", ["a", null, null, "b", null], "a[][].b[]"],
  ['"user.id".name', ["user.id", "name"], '"user.id".name'],
  ['a."b[]"', ["a", "b[]"], 'a."b[]"'],
  ['"ip"', ["ip"], "ip"],
  ['"a\\"b\\u0041"', ['a"bA'], '"a\\"bA"'],
  ["first name.é", ["first name", "é"], "first name.é"],
])("%s has its steps, and one way to be written", (path, expected, shown) => {
  expect(steps(path)).toEqual(expected);
  expect(showInnerPath(steps(path))).toBe(shown);
  expect(steps(shown)).toEqual(expected);
});

test.each([
  ["", "is no path"],
  [".a", "is no path"],
  ["a.", "has an empty or broken part (behind a)"],
  ["a..b", "has an empty or broken part (behind a)"],
  ["a[0].b", "has an index"],
  ["a[].", "has an empty or broken part (behind a[])"],
  ["a[]b", "is no path (behind a[])"],
  ['a."b', "has an empty or broken part (behind a)"],
  ['"a"b', "is no path (behind a)"],
  ["a]", "is no path (behind a)"],
  ['"\\u0000"', "has a key that no stored JSON can have"],
  ["a".repeat(257), "is too long"],
])("%j is refused, and the error names the part", (path, what) => {
  const parsed = parseInnerPath(path);
  expect(parsed.ok ? "" : parsed.error.split("; ")[0]).toBe(what);
});

describe("paths meet", () => {
  test.each([
    ["a", "a", true],
    ["a", "a.b", true],
    ["a[]", "a[].b", true],
    ["a[].b", "a.b", true],
    ["a", "b", false],
    ["a.b", "a.c", false],
    ["a[].b", "a[].c", false],
  ])("%s and %s: %s", (one, other, expected) => {
    expect(pathsMeet(steps(one), steps(other))).toBe(expected);
    expect(pathsMeet(steps(other), steps(one))).toBe(expected);
  });
});
