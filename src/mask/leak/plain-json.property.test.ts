import fc from "fast-check";
import { expect, test } from "vitest";
import { plainJson } from "./plain-json.ts";

const plain = (json: string): string => plainJson(json) ?? "too long";

/** A number as JSON may have it, and no longer than what is written out. */
const number = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.constant("0"), fc.stringMatching(/^[1-9]\d{0,9}$/)),
    fc.stringMatching(/^(\.\d{1,8})?$/),
    fc.oneof(
      fc.constant(""),
      fc.tuple(fc.constantFrom("e", "E"), fc.constantFrom("", "+", "-"), fc.nat(12)).map((parts) => parts.join("")),
    ),
  )
  .map((parts) => parts.join(""));

test("a number is the same one, in digits, without zeros at the end of its decimals", () => {
  fc.assert(
    fc.property(number, (written) => {
      const text = plain(written);
      expect(Number(text)).toBe(Number(written));
      expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
    }),
    { numRuns: 2_000 },
  );
});

test("all else is the same value, without white space between its parts", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
      // The one number that is equal to another.
      const json = JSON.stringify(value).replaceAll("-0", "0");
      expect(JSON.parse(plain(JSON.stringify(JSON.parse(json), null, 1)))).toEqual(JSON.parse(json));
    }),
  );
});

test("no text, whole or not, makes it fail, nor becomes longer than an event may be", () => {
  const part = fc.constantFrom(
    "1",
    "0",
    ".",
    "e",
    "E",
    "-",
    "+",
    '"',
    "\\",
    " ",
    "[",
    "1e40",
    "9e999999999999",
    "5e-40",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 200 }), (parts) => {
      const text = parts.join("");
      expect(plain(text).length).toBeLessThanOrEqual(12 * text.length);
    }),
    { numRuns: 1_000 },
  );
  expect(plainJson(`[${"1e9,".repeat(95_000)}1]`)?.length).toBe(95_000 * 11 + 3);
  expect(plainJson(`[${"1e9,".repeat(96_000)}1]`)).toBeNull();
});
