import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compose } from "./compose.ts";

/** Two marks that NFC brings into the other order. */
const MARKS = "\u0345\u0301";

describe("compose", () => {
  test("is NFC as long as no character has more than 30 marks", () => {
    const few = fc.string({
      unit: fc.constantFrom("a", "e\u0301", "\u1100", "\u1161", "\u212b", MARKS),
      maxLength: 15,
    });
    fc.assert(
      fc.property(few, (text) => {
        expect(compose(text)).toBe(text.normalize("NFC"));
      }),
    );
    const most = `e${MARKS.repeat(15)}`;
    expect(compose(most)).toBe(most.normalize("NFC"));
    expect(compose(most)).not.toBe(most);
  });

  test("leaves more marks as they are, and composes what stands around them", () => {
    const run = `a${MARKS.repeat(16)}`;
    expect(compose(`e\u0301${run}e\u0301`)).toBe(`\u00e9${run}\u00e9`);
  });

  test("is idempotent", () => {
    const units = ["a", "\u0958", "\u0344", "\u0301", "\u0323", "\u0f73", MARKS.repeat(14), MARKS.repeat(16)];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...units), maxLength: 40 }), (text) => {
        expect(compose(compose(text))).toBe(compose(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("leaves alone what any run of more than 30 marks is, wherever it begins", () => {
    const units = ["a", "\u0301", MARKS, MARKS.repeat(14), "\u{1e8d0}", "\u0430", "\u{1f600}", "\u{1d160}", "e\u0301"];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...units), maxLength: 40 }), (text) => {
        const parts = text.split(/(\p{M}{31,})/u);
        expect(compose(text)).toBe(parts.map((part, at) => (at % 2 === 0 ? part.normalize("NFC") : part)).join(""));
      }),
      { numRuns: 500 },
    );
  });
});
