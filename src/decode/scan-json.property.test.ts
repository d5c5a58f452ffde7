import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { scanJson, type JsonScan } from "./scan-json.ts";

/** The same by walking the parsed value, which is slow, recursive, and blind to repeated keys: none are generated. */
function scanOf(value: unknown): Pick<JsonScan, "depth" | "keys"> {
  if (typeof value !== "object" || value === null) return { depth: 0, keys: 0 };
  const inner = Object.values(value).map(scanOf);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    keys: (Array.isArray(value) ? 0 : Object.keys(value).length) + inner.reduce((sum, { keys }) => sum + keys, 0),
  };
}

/** The longest number, found by taking all strings away. */
function numberCharsOf(text: string): number {
  const withoutStrings = text.replaceAll(/"(?:[^"\\]|\\.)*"/gs, "");
  return Math.max(0, ...(withoutStrings.match(/-?\d[\d.eE+-]*/g) ?? []).map((number) => number.length));
}

const json = fc.oneof(
  fc.jsonValue({ stringUnit: codePoint, maxDepth: 6 }),
  fc.jsonValue({ maxDepth: 3, stringUnit: fc.constantFrom('"', "\\", ":", "{", "[", "}", "]", "1", "a") }),
);

test("agrees with a walk over the parsed value", () => {
  fc.assert(
    fc.property(json, fc.constantFrom(0, 1, 3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const { depth, keys, numberChars } = scanJson(text);
      expect({ depth, keys }).toEqual(scanOf(value));
      expect(numberChars).toBe(
        Math.max(numberCharsOf(text), /true|false/.test(text.replaceAll(/"(?:[^"\\]|\\.)*"/gs, "")) ? 1 : 0),
      );
    }),
    { numRuns: 2_000 },
  );
});

test("never throws, whatever the text", () => {
  const text = fc.string({ unit: fc.constantFrom('"', "\\", ":", "{", "[", "}", "]", "1", "-", "e", "a", " ", "\0") });
  fc.assert(
    fc.property(text, (value) => {
      scanJson(value);
    }),
    { numRuns: 2_000 },
  );
});
