import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalizeEmail } from "./normalize-email.ts";

describe("normalizeEmail", () => {
  test.each([
    ["Ann@Example.COM", "ann@example.com"],
    ["ann.lee+News.2026@example.com", "ann.lee+news.2026@example.com"],
    ["o'neil!#$%&*/=?^_`{|}~-@a-b.example", "o'neil!#$%&*/=?^_`{|}~-@a-b.example"],
    ["ANN@B\u00dcCHER.de", "ann@xn--bcher-kva.de"],
    ["ann@b\u00fccher.de", "ann@xn--bcher-kva.de"],
    ["ann@XN--BCHER-KVA.DE", "ann@xn--bcher-kva.de"],
    // UTS #46: full-width letters and the ideographic full stop.
    ["ann@\uff22\u00fccher\u3002de", "ann@xn--bcher-kva.de"],
    ["ann@\u4f8b\u3048.\u30c6\u30b9\u30c8", "ann@xn--r8jz45g.xn--zckzah"],
    ["ann@m\u00fcnchen", "ann@xn--mnchen-3ya"],
    ["\u00c4nne@example.com", "\u00e4nne@example.com"],
    ["ann@192.0.2.1", "ann@192.0.2.1"],
    [`${"a".repeat(64)}@example.com`, `${"a".repeat(64)}@example.com`],
  ])("%j is %j", (text, normalized) => {
    expect(normalizeEmail(text)).toBe(normalized);
  });

  test.each([
    "",
    "@",
    "Ann",
    "@example.com",
    "Ann@",
    "Ann@Work",
    "Ann@@example.com",
    "Ann@Home@example.com",
    "Ann Lee@example.com",
    "Ann@exam ple.com",
    "Ann Lee <Ann@example.com>",
    "mailto:Ann@example.com",
    "https://Ann@example.com",
    '"Ann"@example.com',
    "Ann@[192.0.2.1]",
    "Ann@example..com",
    "Ann@.example.com",
    "Ann@example.com.",
    "Ann@example.com/path",
    "Ann@example.com:25",
    "Ann@ex_ample.com",
    // What an URL's host would decode or cut.
    "Ann@ex%41mple.com",
    "Ann@b\u00fccher.de/path",
    "Ann@b\u00fccher%2ede",
    "Ann@b\u00fccher.de#top",
    "Ann@\ufdfa.com",
    // What an URL's host would take for the addresses 8.8.8.8 and 0.0.0.1.
    "Ann@\uff10\uff11\uff10.8.8.8",
    "Ann@\uff11",
    `${"A".repeat(65)}@example.com`,
    `Ann@${"A".repeat(252)}.com`,
  ])("%j is none", (text) => {
    expect(normalizeEmail(text)).toBeNull();
  });

  test("is the lower case of an address in ASCII", () => {
    fc.assert(
      fc.property(fc.emailAddress({ size: "small" }), (address) => {
        fc.pre(address.indexOf("@") <= 64);
        expect(normalizeEmail(address)).toBe(address.toLowerCase());
        expect(normalizeEmail(address.toUpperCase())).toBe(address.toLowerCase());
      }),
    );
  });

  test("gives what it takes for an address, and would give again", () => {
    const label = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(label, label, label, (local, domain, top) => {
        const once = normalizeEmail(`${local}@${domain}.${top}`.normalize("NFC"));
        fc.pre(once !== null);
        expect(once).toMatch(/^[^\s@]+@[a-z0-9.-]+$/);
        // Lower case may be longer, and then too long.
        if (once !== null && once.indexOf("@") <= 64) expect(normalizeEmail(once)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });
});
