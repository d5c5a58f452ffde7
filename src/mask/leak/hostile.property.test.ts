import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import { compileEchoCheck } from "./echo-check.ts";
import { fold, textOf, unitsOf } from "./fold.ts";
import { NeedleSearch } from "./needle-search.ts";
import { viewsOf } from "./views.ts";

const columns = [
  testColumn({ name: "secret", type: "text", mask: "hmac-sha256" }),
  testColumn({ name: "a", type: "text" }),
];
const [, open] = columns;
const verdictOn = (secret: string, text: string) =>
  compileEchoCheck([columns])([{ row: { table: 0, values: [secret, text] }, hidden: [secret, null] }]);

/** Repeats, near matches, marks, surrogates and escapes: what makes a search, a fold or an unescape take long. */
const unit = fc.constantFrom(
  "z",
  "zy",
  "aab",
  "1",
  "1 ",
  "593-47-5928",
  "\\",
  "\\n",
  "\\u0041",
  "\\\\u0022",
  "%",
  "%41",
  "%C3%A9",
  '"',
  "\u00e9",
  "e\u0301",
  "\u0345\u0301",
  "\u1100\u1161\u11a8",
  "\uac01",
  "\ufdfa",
  "\ufb01",
  "\u{1d7cf}",
  "\u{1e8d0}",
  "\ud834",
);
const hostile = fc
  .array(fc.tuple(unit, fc.integer({ min: 1, max: 400 })), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.map(([text, count]) => text.repeat(count)).join(""));

test("units are those of the text, however long it is and whatever it is broken off from", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "\u00e9", "\ud834", "\udd60", "\u{1d160}"), maxLength: 200 }),
      (text) => {
        const { codes, length } = unitsOf(text);
        expect(Array.from(codes)).toEqual(Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)));
        expect([length, textOf({ codes, length })]).toEqual([text.length, text]);
      },
    ),
    { numRuns: 300 },
  );
});

test("a search finds each needle wherever it ends, and looks at each character of the text once", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "\u00e9", "\u0433"), maxLength: 60 });
  const needles = fc.array(
    fc.string({ unit: fc.constantFrom("a", "b", "\u00e9", "\u0433"), minLength: 1, maxLength: 6 }),
    {
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(text, needles, (searched, given) => {
      const sought = [...new Set(given)];
      const found: string[] = [];
      let reads = 0;
      const codes = new Proxy(unitsOf(searched).codes, {
        get(target, key) {
          reads += 1;
          return target[Number(key)];
        },
      });
      new NeedleSearch(sought).search(codes, searched.length, (needle, end) => found.push(`${needle} ${end}`) > 0);
      const all = sought.flatMap((needle, index) =>
        Array.from({ length: searched.length + 1 }, (_, end) => end)
          .filter((end) => searched.slice(0, end).endsWith(needle))
          .map((end) => `${index} ${end}`),
      );
      expect(found.toSorted()).toEqual(all.toSorted());
      expect(reads).toBe(searched.length);
    }),
    { numRuns: 300 },
  );
});

test("however a text is written, it is searched in four views at most, none of them longer than its bytes", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const views = [...viewsOf([{ place: { index: 0, type: "text", from: "a" }, text }])];
      expect(views.length).toBeLessThanOrEqual(4);
      for (const { length } of views) expect(length).toBeLessThanOrEqual(Buffer.byteLength(text) + 1);
    }),
    { numRuns: 200 },
  );
});

test("what a text holds, its folded form holds folded", () => {
  const text = fc.string({ unit: fc.oneof(unit, fc.string({ unit: "grapheme", maxLength: 2 })), maxLength: 12 });
  fc.assert(
    fc.property(text, text, text, (before, value, after) => {
      expect(fold(before + value.toWellFormed() + after)).toContain(fold(value.toWellFormed()));
      expect(fold(value.toWellFormed().normalize("NFD"))).toBe(fold(value.toWellFormed().normalize("NFC")));
    }),
    { numRuns: 300 },
  );
});

test("of the most hostile texts, each is found, passed, or refused for its cost", () => {
  fc.assert(
    fc.property(hostile, hostile, unit, fc.constantFrom("same", "begins", "ends", "other"), (value, text, odd, how) => {
      const stored = { same: value, begins: value.repeat(3), ends: `${text}${value}`, other: text }[how];
      const sought = how === "begins" ? value + odd : value;
      expect([undefined, "leak.echo", "body.too-costly"]).toContain(verdictOn(sought, stored)?.code);
    }),
    { numRuns: 200 },
  );
});

describe("the work on a value's beginning that comes again and again", () => {
  const cost = { code: "body.too-costly", path: null };

  test("is bounded: such a body is refused", () => {
    expect(verdictOn(`${"z".repeat(4_000)}y`, "z".repeat(40_000))).toEqual(cost);
    expect(verdictOn(`${"zy".repeat(2_000)}!`, "zy".repeat(20_000))).toEqual(cost);
    expect(verdictOn(`${"e\u0301".repeat(2_000)}y`, "\u00c9".repeat(40_000))).toEqual(cost);
    expect(verdictOn(`${"z".repeat(4_000)}y`, "\\u007a".repeat(40_000))).toEqual(cost);
  });

  test("is small for what is found, and for what begins so and goes on otherwise", () => {
    const value = `${"z".repeat(4_000)}y`;
    expect(verdictOn(value, `x${value}x`)).toMatchObject({ code: "leak.echo", path: open?.from });
    expect(verdictOn(value, `${"z".repeat(300)}-`.repeat(100))).toBeNull();
    expect(verdictOn(`zy${"z".repeat(32_000)}`, "z".repeat(200_000))).toBeNull();
    expect(verdictOn("zzzzzy", "z".repeat(200_000))).toBeNull();
  });
});
