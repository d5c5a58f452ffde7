import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { parseJson } from "./parse-json.ts";
import { rawValueAt, type ObjectsRead } from "./raw-value-at.ts";
import { scanJson } from "./scan-json.ts";

const key = fc.oneof(
  fc.constantFrom("a", "b", 'a"', "\\u0061", "\\", "", "constructor"),
  fc.string({ unit: codePoint }),
);
const { object } = fc.letrec<{ object: Record<string, unknown>; value: unknown }>((tie) => ({
  object: fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('",', "}", "]", '\\"'),
    fc.array(tie("object"), { maxLength: 2 }),
    tie("object"),
  ),
}));

/** JSON with every character of every key escaped. */
const withEscapedKeys = (text: string): string =>
  text.replaceAll(/("(?:[^"\\]|\\.)*")(\s*:)?/gs, (match, written: string, colon: string | undefined) => {
    if (colon === undefined) return match;
    const units = (JSON.parse(written) as string).split("");
    const escapes = units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return `"${escapes.join("")}"${colon}`;
  });

const parse = (text: string): unknown => parseJson(text, scanJson(text));

test("finds what the parser finds, however the keys and the white space are written", () => {
  fc.assert(
    fc.property(
      object,
      fc.array(key, { maxLength: 3 }),
      fc.boolean(),
      fc.constantFrom(0, 2),
      (value, other, escaped, indent) => {
        const plain = JSON.stringify(value, null, indent);
        const text = escaped ? withEscapedKeys(plain) : plain;
        const objectsRead: ObjectsRead = new Map();
        const visit = (at: unknown, path: readonly (string | number)[]): void => {
          expect(parse(rawValueAt(text, path) ?? "")).toEqual(at);
          expect(parse(rawValueAt(text, path, objectsRead) ?? "")).toEqual(at);
          if (typeof at !== "object" || at === null) return;
          for (const [step, inner] of Object.entries(at)) {
            visit(inner, [...path, Array.isArray(at) ? Number(step) : step]);
          }
        };
        visit(parse(text), []);

        let expected: unknown = parse(text);
        for (const step of other) {
          const isInside = typeof expected === "object" && expected !== null && !Array.isArray(expected);
          expected =
            isInside && Object.hasOwn(expected as object, step)
              ? (expected as Record<string, unknown>)[step]
              : undefined;
        }
        const found = rawValueAt(text, other);
        expect(found === undefined ? undefined : parse(found)).toEqual(expected);
      },
    ),
    // Each looks at every value of a text: some thousands.
    { numRuns: 100 },
  );
});
