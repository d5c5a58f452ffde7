import { describe, expect, test } from "vitest";
import { parseJson } from "./parse-json.ts";
import { scanJson } from "./scan-json.ts";

const parse = (text: string): unknown => parseJson(text, scanJson(text));

describe("parseJson", () => {
  test.each<[string, string, [string, unknown]]>([
    ['"\\\\":1', '"\\u0061":1', ["a", 1]],
    ['"\\\\":1', '"\\"":1', ['"', 1]],
    ['"\\\\":1', '"\\n":1', ["\n", 1]],
    ['"a\\\\":1', '"a\\u0062":1', ["ab", 1]],
    ['"\\\\u":1', '"\\u0061\\u0062":1', ["ab", 1]],
  ])("where an earlier object had %s it reads %s as it is written", (earlier, field, entry) => {
    // V8 compares where all living objects with the same first keys went on in one way: no other test has this key.
    const first = `first for ${earlier} and ${field}`.replaceAll(/\W/g, (unit) => `${unit.charCodeAt(0)}`);
    const object: unknown = JSON.parse(`{"${first}":0,${earlier}}`);
    expect(Object.entries(parse(`{"${first}":0,${field}}`) as object)).toEqual([[first, 0], entry]);
    expect(parse(`[{"x":{"${first}":0,${field}}},{"${first}":0,${earlier}}]`)).toEqual([
      { x: { [first]: 0, [entry[0]]: entry[1] } },
      object,
    ]);
  });

  test("reads every kind of value beside an escaped key", () => {
    const text =
      ' { "\\u0061" : [ ] ,"b":{ }, "c":[-0 ,1.5e3,true,false ,null,"\\"},:\\\\"],\t"d":\r\n{"e":"\u{1f600}"} } ';
    expect(parse(text)).toStrictEqual({
      a: [],
      b: {},
      c: [-0, 1_500, true, false, null, '"},:\\'],
      d: { e: "\u{1f600}" },
    });
  });

  test("__proto__ is a key like any other, and the last of equal keys counts", () => {
    const object = parse('{"\\u005f_proto__":{"a":1},"b":2,"\\u0062":3}') as object;
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    expect(Object.entries(object)).toEqual([
      ["__proto__", { a: 1 }],
      ["b", 3],
    ]);
  });

  test.each(['{"\\u0061":1', '{"\\u0061":01}', '{"\\u006":1}', '{"\\u0061" 1}', '["\\u0061":1]', '{"\\x":1}'])(
    "%s is no JSON",
    (text) => {
      expect(() => parse(text)).toThrow(SyntaxError);
    },
  );
});
