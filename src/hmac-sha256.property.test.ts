import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../tests/support/code-point.ts";
import { hmacSha256 } from "./hmac-sha256.ts";

test("is createHmac's for any key and any texts, in any order of lengths", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.string({ unit: codePoint, maxLength: 2_000, size: "max" }), { minLength: 1, maxLength: 8 }),
      (key, texts) => {
        const mac = hmacSha256(key);
        for (const text of texts) {
          expect(mac(text)).toBe(createHmac("sha256", key).update(text, "utf8").digest("base64url"));
        }
      },
    ),
  );
});
