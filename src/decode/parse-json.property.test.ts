import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { parseJson } from "./parse-json.ts";
import { scanJson } from "./scan-json.ts";

/** A text of JSON, and what it means by the way it was made: `JSON.parse` is not asked. */
interface Written {
  readonly json: string;
  readonly value: unknown;
  readonly hasEscapedKey: boolean;
}

const SHORT_ESCAPES = new Map([..."bfnrt"].map((letter) => [JSON.parse(`"\\${letter}"`) as string, `\\${letter}`]));

/** One UTF-16 unit of a string in one of the ways that JSON has for it. */
function writeUnit(unit: string, way: number): string {
  const needsEscape = unit === '"' || unit === "\\" || unit < " ";
  if (!needsEscape && way > 0) return unit;
  if (way > 1) return SHORT_ESCAPES.get(unit) ?? (unit < " " ? writeUnit(unit, 0) : `\\${unit}`);
  const hex = unit.charCodeAt(0).toString(16).padStart(4, "0");
  return `\\u${way === 0 ? hex : hex.toUpperCase()}`;
}

const ways = fc.array(fc.nat(2), { minLength: 1, maxLength: 8 });
/** Keys of few kinds, so that many objects share their first keys: V8 then takes one for the other. */
const key = fc.oneof(
  fc.constantFrom("", "a", "ab", "\\", "\\u", "a\\", '"', "\n", "1", "__proto__", "constructor"),
  fc.string({ unit: codePoint, maxLength: 5 }),
);
const writtenKey = fc.tuple(key, ways).map(([text, way]): { text: string; written: string } => ({
  text,
  written: `"${text
    .split("")
    .map((unit, at) => writeUnit(unit, way[at % way.length] ?? 0))
    .join("")}"`,
}));
const space = fc.string({ unit: fc.constantFrom(" ", "\n", "\t", "\r"), maxLength: 2 });

const scalar = fc
  .oneof(
    fc.string({ unit: codePoint }),
    fc.constantFrom('\\"', ":", "{", "]", ',"\\u0061":'),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.constantFrom(true, false, null),
  )
  .map((value): Written => {
    const json = Object.is(value, -0) ? "-0" : JSON.stringify(value);
    return { json, value, hasEscapedKey: false };
  });

const { value } = fc.letrec<{ value: Written; array: Written; object: Written }>((tie) => ({
  array: fc.tuple(fc.array(tie("value"), { maxLength: 3 }), space).map(([items, gap]) => ({
    json: `[${gap}${items.map(({ json }) => json).join(`${gap},`)}]`,
    value: items.map((item) => item.value),
    hasEscapedKey: items.some((item) => item.hasEscapedKey),
  })),
  object: fc.tuple(fc.array(fc.tuple(writtenKey, tie("value")), { maxLength: 4 }), space).map(([fields, gap]) => ({
    json: `{${gap}${fields.map(([{ written }, { json }]) => `${written}${gap}:${json}${gap}`).join(`,${gap}`)}}`,
    value: Object.fromEntries(fields.map(([{ text }, field]) => [text, field.value])),
    hasEscapedKey: fields.some(([{ written }, field]) => written.includes("\\") || field.hasEscapedKey),
  })),
  value: fc.oneof({ maxDepth: 4 }, scalar, tie("array"), tie("object"), tie("object")),
}));

test("reads what was written, however its keys are escaped, and whatever was read before", () => {
  let escaped = 0;
  fc.assert(
    fc.property(value, ({ json, value: expected, hasEscapedKey }) => {
      const scan = scanJson(json);
      expect(scan.hasEscapedKey).toBe(hasEscapedKey);
      const read = parseJson(json, scan);
      // Unlike the matchers, it does not stumble over keys such as "constructor".
      expect(isDeepStrictEqual(read, expected)).toBe(true);
      // The order of the keys, which equality leaves open.
      expect(JSON.stringify(read)).toBe(JSON.stringify(expected));
      if (hasEscapedKey) escaped += 1;
    }),
    { numRuns: 1_500 },
  );
  expect(escaped).toBeGreaterThan(300);
});
