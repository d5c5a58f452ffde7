import { describe, expect, test } from "vitest";
import { type ObjectsRead, rawElementsOf, rawValueAt } from "./raw-value-at.ts";

describe("rawValueAt", () => {
  test.each<[string, (string | number)[], string | undefined]>([
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
    ['{"a":[1.10 , 2]}', ["a", 0], "1.10"],
    ['{"a":[1.10 , 2]}', ["a", 1], "2"],
    ['{"a":[1,2]}', ["a", 2], undefined],
    ['{"a":[]}', ["a", 0], undefined],
    ['{"a":[ ]}', ["a", 0], undefined],
    ['{"a":[[1],[2,{"b":-0}]]}', ["a", 1, 1, "b"], "-0"],
    ['{"a":{"0":1}}', ["a", 0], undefined],
    ['{"a":[1]}', ["a", "0"], undefined],
  ])("%s at %j", (text, path, value) => {
    expect(rawValueAt(text, path)).toBe(value);
  });

  test("reads an array no further than it is asked for, and on from there", () => {
    const objectsRead: ObjectsRead = new Map();
    const text = '{"a":[1, 2 ,3,4]}';
    const at = (index: number) => rawValueAt(text, ["a", index], objectsRead);
    expect([at(1), at(0), at(3), at(2), at(4)]).toEqual(["2", "1", "4", "3", undefined]);
    const [elements] = [...objectsRead].filter(([open]) => open > 0);
    expect(elements?.[1].size).toBe(4);
    expect(rawElementsOf(' [ 1.0,{"a":[2]} ] ')).toEqual(["1.0", '{"a":[2]}']);
    expect(rawElementsOf("[ ]")).toEqual([]);
  });

  test("follows deep nesting without recursion", () => {
    const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000);
    expect(rawValueAt(`{"a":${deep},"b":5}`, ["b"])).toBe("5");
  });
});
