import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { deriveKey, keyInfo } from "./derive-key.ts";

const root = Buffer.alloc(32, 7);
const purpose = { mask: "hmac-sha256", domain: "logins", column: "masked_ip" };

describe("deriveKey", () => {
  test("is extract and expand of RFC 5869 over piipe/v1/<mask>/<domain>/<column>", () => {
    const extracted = createHmac("sha256", Buffer.alloc(32)).update(root).digest();
    const expanded = createHmac("sha256", extracted).update("piipe/v1/hmac-sha256/logins/masked_ip\u0001").digest();
    expect(deriveKey(root, purpose, 32)).toEqual(expanded);
  });

  test("gives another key for another mask, domain, column or root", () => {
    const keys = [
      deriveKey(root, purpose, 32),
      deriveKey(root, { ...purpose, mask: "hmac-over-sha256" }, 32),
      deriveKey(root, { ...purpose, domain: "orders" }, 32),
      deriveKey(root, { ...purpose, column: "masked_device_id" }, 32),
      deriveKey(Buffer.alloc(32, 8), purpose, 32),
    ].map((key) => key.toString("hex"));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("refuses an info that is too long for a key", () => {
    expect(() => deriveKey(root, { ...purpose, domain: "d".repeat(1_100) }, 32)).toThrow(
      expect.objectContaining({ code: "config.invalid" }),
    );
  });
});

describe("keyInfo", () => {
  test.each([
    [
      { domain: "a/b", column: "c" },
      { domain: "a", column: "b/c" },
    ],
    [
      { domain: "a%2Fb", column: "c" },
      { domain: "a/b", column: "c" },
    ],
    [
      { domain: "", column: "a/b" },
      { domain: "/a", column: "b" },
    ],
  ])("keeps %j and %j apart", (one, other) => {
    expect(keyInfo({ mask: "m", ...one })).not.toBe(keyInfo({ mask: "m", ...other }));
  });
});
