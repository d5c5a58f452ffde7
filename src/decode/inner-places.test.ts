import { describe, expect, test } from "vitest";
import type { InnerStep } from "../pipeline/contracts.ts";
import { compilePaths } from "./inner-places.ts";

const found = (json: string, ...paths: readonly (readonly InnerStep[])[]) => {
  const { places, barred } = compilePaths(paths)(json);
  return { places: places.map(({ path, start, end }) => [path, json.slice(start, end)]), barred };
};

test("values are found in the text's order, without the white space around them", () => {
  const json = ' { "b" : [ {"id": "x" } , {"id":\t-1.50e3\n}, { } ] , "a" : "q\\"]" } ';
  expect(found(json, ["a"], ["b", null, "id"])).toEqual({
    places: [
      [1, '"x"'],
      [1, "-1.50e3"],
      [0, '"q\\"]"'],
    ],
    barred: null,
  });
});

test("an escaped key is what it stands for, and a decoy is none", () => {
  const json = '{"\\u0069p":"1","x":{"ip":"2"},"y":"{\\"ip\\":\\"3\\"}","ips":"4","ip ":"5"}';
  expect(found(json, ["ip"]).places).toEqual([[0, '"1"']]);
});

test("a whole value, the element of an array and arrays in arrays can be meant", () => {
  expect(found('["a", "b" ,null]', [null]).places).toEqual([
    [0, '"a"'],
    [0, '"b"'],
  ]);
  expect(found('{"m":[["a"],[],["b","c"]]}', ["m", null, null]).places).toHaveLength(3);
  expect(found('{"o":{"p":1}}', ["o"]).places).toEqual([[0, '{"p":1}']]);
});

describe("on the way", () => {
  test.each(['{"a":null}', "{}", '{"a":{}}', '{"a":{"b":null}}', "null", '{"a":{"c":[1]}}'])(
    "null and what is missing are nothing: %s",
    (json) => {
      expect(found(json, ["a", "b"])).toEqual({ places: [], barred: null });
    },
  );

  test.each(['{"a":"x"}', '{"a":[{"b":1}]}', "[]", '"x"', '{"a":0}'])(
    "anything else bars the way to an object: %s",
    (json) => {
      expect(found(json, ["z"], ["a", "b"]).barred).toBe(json === "[]" || json === '"x"' ? 0 : 1);
    },
  );

  test.each(['{"a":"x"}', '{"a":{"b":1}}', '{"a":[[1]]}'])("and to the elements of an array: %s", (json) => {
    expect(found(json, ["a", null, "b"]).barred).toBe(0);
  });
});
