import { aessiv } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codePoint } from "../../../tests/support/code-point.ts";
import { testColumn } from "../../../tests/support/test-column.ts";
import { aesSivOperator } from "./aes-siv.ts";
import type { KeyUse } from "./operator.ts";

const use = (fields: Partial<KeyUse> = {}): KeyUse => ({
  key: Buffer.from(Array.from({ length: 64 }, (_, index) => index)),
  version: 12,
  column: testColumn({ name: "email", type: "text", mask: "aes-siv" }),
  ...fields,
});
const tokenize = aesSivOperator.create(use());
const reveal = revealOf(use());

function revealOf(of: KeyUse): (token: string) => string | null {
  if (aesSivOperator.reveal === null) throw new Error("aes-siv is not reversible");
  return aesSivOperator.reveal(of);
}

/** Any text without half a surrogate pair, which decoding refuses. */
const text = fc.string({ unit: codePoint, maxLength: 300, size: "max" });

describe("the token", () => {
  test("is s<version>_ and base64url of the synthetic IV and the ciphertext", () => {
    fc.assert(
      fc.property(text, (value) => {
        const associated = [Buffer.from("email"), Buffer.from("12")];
        const sealed = aessiv(Uint8Array.from(use().key), ...associated).encrypt(Buffer.from(value, "utf8"));
        expect(tokenize(value)).toBe(`s12_${Buffer.from(sealed).toString("base64url")}`);
      }),
    );
  });

  test("opens to its text", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(reveal(tokenize(value) ?? "")).toBe(value);
      }),
    );
  });
});

describe("reveal gives nothing for", () => {
  const token = tokenize("ann@example.com") ?? "";

  test.each<[string, Partial<KeyUse>]>([
    ["another key", { key: Buffer.alloc(64, 7) }],
    ["another version under the same key", { version: 13 }],
    ["another column under the same key", { column: testColumn({ name: "phone", type: "text" }) }],
  ])("%s", (_name, other) => {
    const opened = revealOf(use(other));
    expect(opened(token)).toBeNull();
    expect(opened(token.replace(/^s\d+_/, `s${other.version ?? 12}_`))).toBeNull();
  });

  test("a token of which any one character was changed", () => {
    for (let at = 0; at < token.length; at += 1) {
      const changed = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
      expect(reveal(changed), `character ${at}`).toBeNull();
    }
  });

  test.each([
    "",
    "s12_",
    "s12",
    "h12_rmjVXmtY8SaU19YE1TDWp9pnMI5CRNyDJ_f7wHqL2cY",
    "ann@example.com",
    `${token}A`,
    `${token}=`,
    ` ${token}`,
    token.slice(0, -1),
  ])("%j", (other) => {
    expect(reveal(other)).toBeNull();
  });

  test("another spelling of the same bytes", () => {
    // Two bytes of text make 18 bytes: base64url then has no unused bits; one byte leaves four of them, of which Node takes no notice.
    const short = tokenize("ab c") ?? "";
    const last = short.slice(-1);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const twin = short.slice(0, -1) + alphabet[alphabet.indexOf(last) + 1];
    expect(Buffer.from(twin.slice(4), "base64url")).toEqual(Buffer.from(short.slice(4), "base64url"));
    expect(reveal(short)).toBe("ab c");
    expect(reveal(twin)).toBeNull();
  });
});
