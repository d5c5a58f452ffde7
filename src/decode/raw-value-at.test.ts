import { describe, expect, test } from "vitest";
import { rawValueAt } from "./raw-value-at.ts";

describe("rawValueAt", () => {
  test.each<[string, string[], string | undefined]>([
    ['{"a":1}', ["a"], "1"],
    [' { "a" : 1.50 \n, "b":2 } ', ["a"], "1.50"],
    ['{"b":"a","a":-0}', ["a"], "-0"],
    ['{"x":{"a":1},"y":[{"a":2}],"a":3}', ["a"], "3"],
    ['{"a":{"a":{"a":[1, {"a":2}] }}}', ["a", "a", "a"], '[1, {"a":2}]'],
    ['{"b":"}],\\"a\\":1","a":2}', ["a"], "2"],
    ['{"b":"\\\\","a":2}', ["a"], "2"],
    ['{"\\u0061":2}', ["a"], "2"],
    ['{"\\\\u0061":1,"a":2}', ["\\u0061"], "1"],
    ['{"\\"":1,"":2}', [""], "2"],
    ['{"\\"":1,"":2}', ['"'], "1"],
    ['{"a":"1, 2"}', ["a"], '"1, 2"'],
    ['{"a":{}}', [], '{"a":{}}'],
    ["{}", ["a"], undefined],
    ['{"a":{}, "b":1}', ["a", "b"], undefined],
    ['{"a":[{"b":1}]}', ["a", "b"], undefined],
    ['{"a":null}', ["a", "b"], undefined],
  ])("%s at %j", (text, path, value) => {
    expect(rawValueAt(text, path)).toBe(value);
  });

  test("follows deep nesting without recursion", () => {
    const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000);
    expect(rawValueAt(`{"a":${deep},"b":5}`, ["b"])).toBe("5");
  });
});
