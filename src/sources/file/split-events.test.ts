import { describe, expect, it, test } from "vitest";
import { EventSplitter, type SplitOptions } from "./split-events.ts";

const OPTIONS: SplitOptions = { bytesMax: 40, hasArray: true };

interface Split {
  readonly events: ReadonlyArray<readonly [number: number, text: string]>;
  readonly problem: string | null;
}

/** In pieces of so many bytes. */
function split(text: string, bytes: number, options: SplitOptions = OPTIONS): Split {
  const splitter = new EventSplitter(options);
  const whole = Buffer.from(text);
  const events: Array<readonly [number, string]> = [];
  const pieces = Array.from({ length: Math.ceil(whole.length / bytes) }, (_, index) =>
    whole.subarray(index * bytes, (index + 1) * bytes),
  );
  for (const piece of pieces)
    for (const { number, bytes: part } of splitter.push(piece)) events.push([number, part.toString()]);
  for (const { number, bytes: part } of splitter.end()) events.push([number, part.toString()]);
  expect(splitter.events).toBe(events.length);
  return { events, problem: splitter.problem };
}

const numbered = (...texts: readonly string[]): Split["events"] => texts.map((text, index) => [index + 1, text]);
const LONG = `"${"x".repeat(60)}"`;

type Case = Pick<Split, "events"> & { readonly name: string; readonly text: string; readonly problem?: string };

const CASES: readonly Case[] = [
  { name: "nothing", text: "", events: [] },
  { name: "lines without a last line end", text: '{"a":1}\n{"b":2}', events: numbered('{"a":1}', '{"b":2}') },
  {
    name: "empty lines, which count and hold nothing",
    text: "\n{}\r\n \t\r\n{}\n\n",
    events: [
      [2, "{}"],
      [4, "{}"],
    ],
  },
  { name: "a byte order mark", text: "\u{feff}{}\n{}", events: numbered("\u{feff}{}", "{}") },
  { name: "an array", text: ' [ {"a":[1,2]} , 7,"],\\"" ] \n', events: numbered(' {"a":[1,2]} ', " 7", '"],\\"" ') },
  { name: "an array behind a byte order mark and lines", text: "\u{feff}\n\n[{},[]]", events: numbered("{}", "[]") },
  { name: "an empty array", text: "[ ]", events: [] },
  { name: "an array with a comma too many", text: "[1,]", events: numbered("1", "") },
  {
    name: "an array that is cut off",
    text: "[1,{",
    events: numbered("1", "{"),
    problem: "is cut off: the array that it begins with has no end",
  },
  {
    name: "more behind an array",
    text: "[1] 2",
    events: numbered("1"),
    problem: "goes on behind the end of the array that it begins with",
  },
  { name: "what is too long, cut", text: `${LONG}\n{}`, events: numbered(LONG.slice(0, 41), "{}") },
  { name: "the same in an array", text: `[${LONG},{}]`, events: numbered(LONG.slice(0, 41), "{}") },
];

describe.each([1, 2, 3, 7, 1_000])("in pieces of %i bytes", (bytes) => {
  test.each(CASES)("$name", ({ text, events, problem = null }) => {
    expect(split(text, bytes)).toEqual({ events, problem });
  });

  it("passes over what was done", () => {
    expect(split("1\n\n3\n4\n", bytes, { ...OPTIONS, passOver: 3 }).events).toEqual([[4, "4"]]);
    expect(split("[1,2,3]", bytes, { ...OPTIONS, passOver: 2 }).events).toEqual([[3, "3"]]);
  });

  it("takes arrays for lines when bodies are arrays", () => {
    expect(split("[1]\n[2,3]\n", bytes, { ...OPTIONS, hasArray: false }).events).toEqual([
      [1, "[1]"],
      [2, "[2,3]"],
    ]);
  });
});
