import { expect, it } from "vitest";
import { parseEvents } from "./parse-events.ts";
import { parseSample } from "./parse-sample.ts";

it.each([
  ["a JSON array", '[{"a":1},\n {"a":2}]', ['{"a":1}', '{"a":2}']],
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
  expect(parseEvents(bodies)).toEqual({ events: [{ a: 1 }], unreadable: 5 });
});
