import { readFileSync } from "node:fs";
import { FF1 } from "@noble/ciphers/ff1.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import { digitCipher, fpeFf1Operator } from "./fpe-ff1.ts";
import type { KeyUse } from "./operator.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");

const KEY_128 = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_192 = `${KEY_128}ef4359d8d580aa4f`;
const KEY_256 = `${KEY_192}7f036d6f04fc6a94`;
const DIGITS = "0123456789";
const LETTERS = "0123456789abcdefghi";

// The samples for FF1 among NIST's examples with intermediate values.
describe("NIST SP 800-38G", () => {
  const samples = [
    { sample: 1, key: KEY_128, radix: 10, tweak: "", plaintext: DIGITS, ciphertext: "2433477484" },
    { sample: 2, key: KEY_128, radix: 10, tweak: "39383736353433323130", plaintext: DIGITS, ciphertext: "6124200773" },
    {
      sample: 3,
      key: KEY_128,
      radix: 36,
      tweak: "3737373770717273373737",
      plaintext: LETTERS,
      ciphertext: "a9tv40mll9kdu509eum",
    },
    { sample: 4, key: KEY_192, radix: 10, tweak: "", plaintext: DIGITS, ciphertext: "2830668132" },
    { sample: 5, key: KEY_192, radix: 10, tweak: "39383736353433323130", plaintext: DIGITS, ciphertext: "2496655549" },
    {
      sample: 6,
      key: KEY_192,
      radix: 36,
      tweak: "3737373770717273373737",
      plaintext: LETTERS,
      ciphertext: "xbj3kv35jrawxv32ysr",
    },
    { sample: 7, key: KEY_256, radix: 10, tweak: "", plaintext: DIGITS, ciphertext: "6657667009" },
    { sample: 8, key: KEY_256, radix: 10, tweak: "39383736353433323130", plaintext: DIGITS, ciphertext: "1001623463" },
    {
      sample: 9,
      key: KEY_256,
      radix: 36,
      tweak: "3737373770717273373737",
      plaintext: LETTERS,
      ciphertext: "xs8a0azh2avyalyzuwd",
    },
  ];

  test.each(samples)("sample $sample", ({ key, radix, tweak, plaintext, ciphertext }) => {
    const ff1 = FF1(radix, hex(key), hex(tweak));
    const numerals = (text: string): number[] => Array.from(text, (digit) => Number.parseInt(digit, radix));
    expect(ff1.encrypt(numerals(plaintext))).toEqual(numerals(ciphertext));
    expect(ff1.decrypt(numerals(ciphertext))).toEqual(numerals(plaintext));
  });

  test.each(samples.filter(({ radix }) => radix === 10))(
    "sample $sample as text",
    ({ key, tweak, plaintext, ciphertext }) => {
      const cipher = digitCipher(hex(key), hex(tweak));
      expect(cipher.encrypt(plaintext)).toBe(ciphertext);
      expect(cipher.decrypt(ciphertext)).toBe(plaintext);
    },
  );
});

interface Vector {
  readonly tcId: number;
  readonly result: "valid" | "invalid";
  readonly key: string;
  readonly tweak: string;
  readonly msg: string;
  readonly ct: string;
}

test("Wycheproof's vectors", () => {
  const path = new URL("../../../tests/vectors/wycheproof-ff1.json", import.meta.url);
  const { tests } = JSON.parse(readFileSync(path, "utf8")) as { readonly tests: readonly Vector[] };
  expect(tests).toHaveLength(1_287);
  for (const { tcId, result, key, tweak, msg, ct } of tests) {
    if (result === "valid") {
      const cipher = digitCipher(hex(key), hex(tweak));
      expect(cipher.encrypt(msg), `tcId ${tcId}`).toBe(ct);
      expect(cipher.decrypt(ct), `tcId ${tcId}`).toBe(msg);
    } else {
      expect(() => digitCipher(hex(key), hex(tweak)).encrypt(msg), `tcId ${tcId}`).toThrow();
    }
  }
});

const useOf = (digits: number | null): KeyUse => ({
  key: hex(KEY_256),
  version: 1,
  column: testColumn({ name: "ssn", type: "text", mask: "fpe-ff1", digits }),
});

function revealOf(use: KeyUse): (token: string) => string | null {
  if (fpeFf1Operator.reveal === null) throw new Error("fpe-ff1 is not reversible");
  return fpeFf1Operator.reveal(use);
}

describe("fpe-ff1", () => {
  test("changes the digits and keeps what stands between them", () => {
    // NIST's sample 7.
    const tokenize = fpeFf1Operator.create(useOf(10));
    expect(tokenize("0123456789")).toBe("6657667009");
    expect(tokenize("+0 (123) 456-78/9")).toBe("+6 (657) 667-00/9");
    expect(tokenize("01.23.45:67 89")).toBe("66.57.66:70 09");
  });

  test("is one-to-one over its digits and keeps the form", () => {
    const separator = fc.string({ unit: fc.constantFrom(..." -.()/+:"), maxLength: 2 });
    const value = fc
      .integer({ min: 6, max: 56 })
      .chain((digits) =>
        fc
          .array(fc.tuple(separator, fc.constantFrom(...DIGITS)), { minLength: digits, maxLength: digits })
          .map((parts) => ({ digits, text: parts.flat().join("") })),
      );
    fc.assert(
      fc.property(value, ({ digits, text }) => {
        const token = fpeFf1Operator.create(useOf(digits))(text) ?? "";
        expect(token.replaceAll(/\d/g, "0")).toBe(text.replaceAll(/\d/g, "0"));
        expect(revealOf(useOf(digits))(token)).toBe(text);
      }),
    );
  });

  test("of the six digits of the smallest domain, each has a token of its own", () => {
    const tokenize = fpeFf1Operator.create(useOf(6));
    const values = Array.from({ length: 2_000 }, (_, index) => String(index * 499).padStart(6, "0"));
    const tokens = new Set(values.map((value) => tokenize(value)));
    expect(tokens.size).toBe(values.length);
    for (const token of tokens) expect(token).toMatch(/^\d{6}$/);
  });

  test.each([
    "",
    "59347592",
    "5934759281",
    "593-47-592",
    "593_47_5928",
    "593-47-5928x",
    "593\u201347\u20135928",
    "593-47-\u0665928",
    "593-47-\uff15928",
    "593\t47\t5928",
    "593,47,5928",
    "a593475928",
  ])("refuses %j for nine digits", (text) => {
    expect(fpeFf1Operator.create(useOf(9))(text)).toBeUndefined();
    expect(revealOf(useOf(9))(text)).toBeNull();
  });

  test.each([null, 0, 1, 5])("refuses a domain of %j digits", (digits) => {
    const refusal = expect.objectContaining({
      name: "PiipeError",
      code: "config.invalid",
      message: expect.stringMatching(/^column ssn has the mask fpe-ff1 .* below the 1,000,000 values/),
    });
    expect(() => fpeFf1Operator.create(useOf(digits))).toThrow(refusal);
    expect(() => revealOf(useOf(digits))).toThrow(refusal);
  });
});
