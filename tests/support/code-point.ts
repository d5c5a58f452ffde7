import fc from "fast-check";

const FIRST_SURROGATE = 0xd800;
const SURROGATES = 0x800;
const CODE_POINTS = 0x11_0000 - SURROGATES;

/**
 * A unit of text: any code point that is no half of a pair. As fast-check's `binary`, which spends more than a second of
 * each process on a table of all of them.
 */
export const codePoint: fc.Arbitrary<string> = fc.nat(CODE_POINTS - 1).map(
  (index) => String.fromCodePoint(index < FIRST_SURROGATE ? index : index + SURROGATES),
  (text) => {
    const [unit, ...more] = typeof text === "string" ? text : "";
    const point = unit?.codePointAt(0);
    if (point === undefined || more.length > 0) throw new Error("not one code point");
    return point < FIRST_SURROGATE ? point : point - SURROGATES;
  },
);
