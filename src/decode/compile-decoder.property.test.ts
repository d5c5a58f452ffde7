import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { decoderOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { COLUMN_TYPES, REJECTION_CODES, type Column } from "../pipeline/contracts.ts";

const columns: readonly Column[] = [
  ...COLUMN_TYPES.map((type) => testColumn({ name: type, type, nullable: true })),
  testColumn({ name: "deep", from: "a.b", type: "json", nullable: true }),
];
const bounds = new Map([["text", { charsMax: 8, integerMin: null, integerMax: null, isText: true }]]);
const decode = decoderOf(columns, bounds, { unknownFields: "quarantine" });
const froms = new Set(columns.map(({ from }) => from));

const DETAIL =
  /^expected (?:an? [\w ,()']+|text(?: of at most \d+ characters)?|true or false|JSON)(?:, found (?:(?:other )?text|null|true or false|an? (?:whole number|number with decimals|array(?: with something else in it)?|object)))?$/;

/** Refusals are drawn from closed lists, so nothing of a body can be in one. */
function check(body: string): void {
  const result = decode(testDelivery(body));
  if (result.ok) {
    expect(result.value.values).toHaveLength(columns.length);
    return;
  }
  const { detail, ...rest } = result.error;
  expect(Object.keys(rest)).toEqual(["code", "path"]);
  if (detail !== undefined) expect(detail).toMatch(DETAIL);
  expect(REJECTION_CODES).toHaveProperty([result.error.code]);
  if (result.error.path !== null) expect(froms).toContain(result.error.path);
}

const anyValue = fc.oneof(
  fc.jsonValue({ stringUnit: codePoint }),
  fc.constantFrom(1e300, "1.2.3", "1.2.3.4", "2026-01-31T00:00:00Z", "\0", "\ud800", 2 ** 53, -0),
  fc.string({ unit: codePoint }),
);
const event = fc.dictionary(fc.constantFrom(...froms, "a", "__proto__", "constructor", "SECRET"), anyValue);

test("no text makes it throw", () => {
  fc.assert(fc.property(fc.string({ unit: codePoint, maxLength: 500 }), check), { numRuns: 1_000 });
});

test("no JSON makes it throw", () => {
  fc.assert(
    fc.property(fc.oneof(event, anyValue), (value) => {
      check(JSON.stringify(value) ?? "");
    }),
    { numRuns: 2_000 },
  );
});

test("no damaged JSON makes it throw", () => {
  fc.assert(
    fc.property(
      event,
      fc.nat(),
      fc.nat(),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\0-e') }),
      (value, at, cut, put) => {
        const text = JSON.stringify(value);
        const start = at % (text.length + 1);
        check(text.slice(0, start) + put + text.slice(start + (cut % 4)));
      },
    ),
    { numRuns: 2_000 },
  );
});

test("a refusal holds no six characters of a value or an undeclared key", () => {
  const canary = fc.string({ unit: fc.constantFrom(..."ABCDEFGHJK0123456789"), minLength: 6, maxLength: 60 });
  const damage = fc.constantFrom("", "}", ",", '"', "\0");
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...froms), canary),
      canary,
      damage,
      fc.boolean(),
      (values, key, end, twice) => {
        const repeated = twice ? `,"${key}":1,"${key}":2` : "";
        const body = `{"${key}x":"${key}"${Object.entries(values)
          .map(([name, value]) => `,"${name}":"${value}"`)
          .join("")}${repeated}}${end}`;
        const result = decode(testDelivery(body));
        if (result.ok) throw new Error("an unknown field was taken");
        const printed = JSON.stringify(result.error);
        for (const text of [key, ...Object.values(values)]) {
          for (let at = 0; at + 6 <= text.length; at += 1) expect(printed).not.toContain(text.slice(at, at + 6));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("a repeated key anywhere is found, and without one none is", () => {
  const plain = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes("__proto__"));
  fc.assert(
    fc.property(plain, fc.boolean(), (value, inArray) => {
      const inner = JSON.stringify(value);
      const place = (text: string): string => (inArray ? `{"json":[${text}]}` : `{"json":${text}}`);
      const clean = decode(testDelivery(place(`{"p":${inner},"q":0}`)));
      if (!clean.ok) expect(clean.error.code).not.toBe("body.duplicate-key");
      expect(decode(testDelivery(place(`{"p":${inner},"p":0}`)))).toEqual({
        ok: false,
        error: { code: "body.duplicate-key", path: null },
      });
    }),
    { numRuns: 500 },
  );
});

/** A number as JSON writes one: any count of digits, any exponent. */
const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: 25 });
const numberText = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.constant("0"), digits, fc.bigInt({ min: 2n ** 52n, max: 2n ** 54n }).map(String)),
    fc.option(digits, { nil: null }),
    fc.option(fc.tuple(fc.constantFrom("e", "E", "e+", "e-"), fc.integer({ min: 0, max: 350 })), { nil: null }),
  )
  .map(([sign, whole, decimals, exponent]) => {
    const fraction = decimals === null ? "" : `.${decimals}`;
    return `${sign}${whole.replace(/^0+(?=.)/, "")}${fraction}${exponent === null ? "" : exponent.join("")}`;
  });
const number = fc.oneof(
  numberText,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.integer().map((value) => `${value}.0`),
);

/** The number times 10^500, which makes an integer of every number above: exact, by BigInt. */
function scaled(written: string): bigint {
  const [mantissa = "", exponent = "0"] = written.toLowerCase().split("e");
  const [whole = "", decimals = ""] = mantissa.split(".");
  return BigInt(whole + decimals) * 10n ** BigInt(500 + Number(exponent) - decimals.length);
}

test("a stored number is the one that was written, or it is refused", () => {
  let stored = 0;
  let refused = 0;
  fc.assert(
    fc.property(number, fc.constantFrom("integer", "json", "number"), (written, type) => {
      const result = decode(testDelivery(`{"${type}": ${written} }`));
      if (!result.ok) {
        refused += 1;
        const value = Number(written);
        if (type === "json") {
          // Only what a reader would take for zero or for infinite.
          expect(Number.isFinite(value) && (value !== 0 || scaled(written) === 0n)).toBe(false);
        } else if (type === "number") {
          // What is written as a double prints it is never refused.
          expect(String(value) === written && Number.isFinite(value)).toBe(false);
        }
        return;
      }
      stored += 1;
      const value = result.value.values[columns.findIndex(({ name }) => name === type)];
      const nearest = Number(written);
      if (type === "number") {
        expect(value).toBe(nearest);
        if (nearest === 0) expect(scaled(written)).toBe(0n);
        // Written as the double prints it, or the double's own value.
        const isExact = [scaled(String(nearest)), BigInt(Math.trunc(nearest)) * 10n ** 500n].includes(scaled(written));
        if (Math.abs(nearest) >= 2 ** 53) expect(isExact).toBe(true);
      } else if (type === "json") {
        expect(value).toBe(written);
      } else {
        expect(scaled(String(value))).toBe(scaled(written));
      }
    }),
    { numRuns: 2_000 },
  );
  expect(stored).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});
