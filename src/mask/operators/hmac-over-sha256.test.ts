import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codePoint } from "../../../tests/support/code-point.ts";
import { testColumn } from "../../../tests/support/test-column.ts";
import { hmacOverSha256Operator } from "./hmac-over-sha256.ts";
import { sha256Operator } from "./sha256.ts";

const column = testColumn({ name: "device_id", type: "text", mask: "hmac-over-sha256" });
const use = { key: Buffer.alloc(32, 7), version: 12, column };
const tokenize = hmacOverSha256Operator.create(use);
const wrap = hmacOverSha256Operator.chain?.(use) ?? String;

describe("hmac-over-sha256", () => {
  test("is w<version>_ and the HMAC of the bare digest in hex, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint, maxLength: 3_000 }), (text) => {
        const digest = createHash("sha256").update(text, "utf8").digest("hex");
        const mac = createHmac("sha256", use.key).update(digest, "utf8").digest("base64url");
        expect(tokenize(text)).toBe(`w12_${mac}`);
      }),
    );
  });

  test("a digest that is stored becomes the token that a new event gets", () => {
    const bare = sha256Operator.create(column);
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), (text) => {
        expect(wrap(String(bare(text)))).toBe(tokenize(text));
      }),
    );
    // The bare digest of 199.172.111.135.
    expect(wrap("a6d0e2f27f6111e10b06790db42f34123e724aa0fd24b280f4a0ef5ee986784c")).toBe(tokenize("199.172.111.135"));
  });

  test("normalises nothing, as bare SHA-256 did", () => {
    expect(hmacOverSha256Operator.usesNormalization).toBe(false);
    expect(tokenize(" a")).not.toBe(tokenize("a"));
  });
});
