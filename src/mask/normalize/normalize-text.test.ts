import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codePoint } from "../../../tests/support/code-point.ts";
import { normalizeText } from "./normalize-text.ts";

describe("normalizeText", () => {
  test.each([
    ["  593-47-5928\r\n", "593-47-5928"],
    ["\ufeff\u00a0id\u3000", "id"],
    ["Zoe\u0308", "Zo\u00eb"],
    ["\u212b", "\u00c5"],
    // UUID, MAC, hex.
    ["424CDD21-063A-43A7-B91B-7CA1A833AFAE", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["424cDD21-063a-43A7-b91B-7ca1A833aFAE", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["00:1B:44:11:3A:B7", "00:1b:44:11:3a:b7"],
    ["00-1b-44-11-3A-B7", "00-1b-44-11-3a-b7"],
    ["001B.4411.3AB7", "001b.4411.3ab7"],
    ["001B44113AB7", "001b44113ab7"],
    ["ABCDEFABCDEFABCDEF", "abcdefabcdefabcdef"],
    // Email.
    [" Ann.Lee+News@Example.COM\n", "ann.lee+news@example.com"],
    ["Zoe\u0308@B\u00dcCHER.de", "zo\u00eb@xn--bcher-kva.de"],
  ])("%j is %j", (text, normalized) => {
    expect(normalizeText(text)).toBe(normalized);
  });

  test.each([
    "Ann @ Example.com",
    "@Ann",
    "DEADBEEF",
    "001B44113AB",
    // Mixed case is more likely base62, where case means something.
    "001b44113AB7",
    "dGhpcyBpcyBiYXNlNjQ",
    "00:1B:44-11-3A-B7",
    "00:1B:44:11:3A",
    "{424CDD21-063A-43A7-B91B-7CA1A833AFAE}",
    "\u{1f600}",
    // More marks than NFC could order in a bounded time.
    `a${"\u0345\u0301".repeat(16)}`,
  ])("keeps %j", (text) => {
    expect(normalizeText(text)).toBe(text);
  });

  test.each(["", " ", "\t\u00a0\n"])("%j is empty", (text) => {
    expect(normalizeText(text)).toBe("");
  });

  test("is idempotent", () => {
    const text = fc.oneof(
      fc.string({ unit: codePoint }),
      fc.string({ unit: "grapheme" }),
      fc.uuid().map((uuid) => ` ${uuid.toUpperCase()} `),
      fc.string({ unit: fc.constantFrom(..."0123456789ABCDEFabcdef:-. ") }),
      fc.emailAddress().map((address) => ` ${address.toUpperCase()}`),
      fc.tuple(fc.string({ unit: codePoint }), fc.string({ unit: "grapheme" })).map((parts) => parts.join("@")),
    );
    fc.assert(
      fc.property(text, (value) => {
        const once = normalizeText(value);
        expect(normalizeText(once)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });

  test("without an @ changes nothing but white space, composition and the case of hex digits", () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), (value) => {
        fc.pre(!value.includes("@"));
        expect(normalizeText(value).toLowerCase()).toBe(value.trim().normalize("NFC").toLowerCase());
      }),
    );
  });
});
