import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { YamlFile } from "./yaml-file.ts";

test("what a variable holds stays one text, whatever it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: codePoint }), (value) => {
      const file = new YamlFile("a: ${V}\nb: ['x-${V}', \"${V}-y\"]\n", { V: value });
      expect(file.value).toStrictEqual({ a: value, b: [`x-${value}`, `${value}-y`] });
    }),
  );
});

test("no text makes the reader throw, and every problem has a place in it", () => {
  const part = fc.constantFrom(
    "a",
    ":",
    " ",
    "\n",
    "-",
    "{",
    "}",
    "[",
    "]",
    "${",
    "${A}",
    "$$",
    "*a",
    "&a",
    "!",
    "|",
    "'",
    '"',
    "\t",
    "#",
    "@",
    "---\n",
    "%",
    "?",
    "<<",
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 30 }).map((parts) => parts.join("")),
      (text) => {
        const lines = text.split("\n");
        for (const { place } of new YamlFile(text, {}).locate([], "f")) {
          const [line, column] = /^f:(\d+):(\d+): $/.exec(place)?.slice(1).map(Number) ?? [];
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual((lines[(line ?? 0) - 1]?.length ?? -1) + 1);
        }
      },
    ),
    { numRuns: 500 },
  );
});
