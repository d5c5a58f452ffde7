import { expect, it } from "vitest";
import { parseEvents } from "./parse-events.ts";
import { parseSample } from "./parse-sample.ts";

it.each([
  ["a JSON array", '[{"a":1},\n {"a":2}]', ['{"a":1}', '{"a":2}']],
  [
    "the elements of a JSON array as they are written",
    '[ {"a": 9007199254740993}, 6.02e23,"],", [[1 ]] ]',
    ['{"a": 9007199254740993}', "6.02e23", '"],"', "[[1 ]]"],
  ],
  ["an empty JSON array", " [ ] ", []],
  ["NDJSON", '{"a":1}\n\n{"a":2}\r\n', ['{"a":1}', '{"a":2}']],
  ["one event over lines", '{\n "a": 1\n}', ['{\n "a": 1\n}']],
  ["a byte order mark", '\u{feff}[{"a":1}]', ['{"a":1}']],
  ["byte order marks of files that were put together", '\u{feff}{"a":1}\n\u{feff}{"a":2}', ['{"a":1}', '{"a":2}']],
  ["what is no JSON", "secret\n", ["secret"]],
  ["nothing", " \n", []],
])("reads %s", (_, text, bodies) => {
  expect(parseSample(text)).toEqual(bodies);
});

it("survives any depth", () => {
  const deep = "[".repeat(200_000);
  expect(parseSample(deep)).toEqual([deep]);
});

it("takes for events what a run would, and counts the rest", () => {
  const bodies = ['{"a":1}', "[1]", "no json", "", '{"a":1,"a":2}', `{"a":${"[".repeat(200)}${"]".repeat(200)}}`];
  expect(parseEvents(bodies, [])).toEqual({ events: [{ a: 1 }], unreadable: 5 });
});

it("marks the numbers that a double does not hold as they are written, wherever a column could look", () => {
  const bodies = [
    '{"a":6.02e23,"b":9007199254740993,"c":{"d":-9007199254740993,"e":[9007199254740993],"f":1152921504606846976}}',
    '{"a":9007199254740993.0,"b":0.1}',
  ];
  expect(parseEvents(bodies, []).events).toEqual([
    {
      a: 6.02e23,
      b: 9_007_199_254_740_993n,
      c: { d: -9_007_199_254_740_993n, e: [9_007_199_254_740_993n], f: 2 ** 60 },
    },
    { a: 9_007_199_254_740_993n, b: 0.1 },
  ]);
});
