import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hmacSha256 } from "./hmac-sha256.ts";

const inHex = (base64Url: string): string => Buffer.from(base64Url, "base64url").toString("hex");
const hex = (text: string): Buffer => Buffer.from(text, "hex");
const withNode = (key: Uint8Array, data: string | Uint8Array): string =>
  createHmac("sha256", key).update(data).digest("base64url");

// RFC 4231 section 4. Cases 3 and 4 are no UTF-8 text, which is all that a mask is given; case 5 is cut to 16 bytes.
test.each([
  [1, Buffer.alloc(20, 0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    2,
    Buffer.from("Jefe"),
    "what do ya want for nothing?",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [5, Buffer.alloc(20, 0x0c), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"],
  [
    6,
    Buffer.alloc(131, 0xaa),
    "Test Using Larger Than Block-Size Key - Hash Key First",
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    7,
    Buffer.alloc(131, 0xaa),
    "This is a test using a larger than block-size key and a larger than block-size data. " +
      "The key needs to be hashed before being used by the HMAC algorithm.",
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
])("RFC 4231 case %i", (_case, key, text, mac) => {
  expect(inHex(hmacSha256(key)(text)).slice(0, mac.length)).toBe(mac);
});

interface Vector {
  readonly tcId: number;
  readonly result: "valid" | "invalid";
  readonly key: string;
  readonly msg: string;
  readonly tag: string;
}

test("Wycheproof's vectors", () => {
  const path = new URL("../tests/vectors/wycheproof-hmac-sha256.json", import.meta.url);
  const { tests } = JSON.parse(readFileSync(path, "utf8")) as { readonly tests: readonly Vector[] };
  expect(tests).toHaveLength(174);
  let asText = 0;
  for (const { tcId, result, key, msg, tag } of tests) {
    const matches = (mac: string): boolean => inHex(mac).slice(0, tag.length) === tag;
    // The oracle of the tests below gets every vector, the mask those that are text.
    expect(matches(withNode(hex(key), hex(msg))), `tcId ${tcId}, node`).toBe(result === "valid");
    const text = hex(msg).toString("utf8");
    if (!Buffer.from(text, "utf8").equals(hex(msg))) continue;
    asText += 1;
    expect(matches(hmacSha256(hex(key))(text)), `tcId ${tcId}`).toBe(result === "valid");
  }
  expect(asText).toBeGreaterThan(50);
});

describe("hmacSha256", () => {
  const key = Buffer.alloc(32, 7);
  const mac = hmacSha256(key);

  test.each(["a", "\u00e9", "\u20ac", "\u{1f600}"])(
    "is createHmac's for every length from 0 to 2,000 bytes, of %s",
    (character) => {
      const characterBytes = Buffer.byteLength(character);
      for (let bytes = 0; bytes <= 2_000; bytes += 1) {
        const text = "a".repeat(bytes % characterBytes) + character.repeat(Math.floor(bytes / characterBytes));
        expect(Buffer.byteLength(text)).toBe(bytes);
        expect(mac(text), `${bytes} bytes`).toBe(withNode(key, text));
      }
    },
  );

  test("does not keep a longer text's end", () => {
    mac("a text that is quite long");
    expect(mac("short")).toBe(withNode(key, "short"));
  });

  test.each([0, 1, 63, 64, 65, 131])("takes a key of %i bytes", (bytes) => {
    const other = Buffer.alloc(bytes, 0xaa);
    for (const text of ["", "text", "x".repeat(1_000)]) expect(hmacSha256(other)(text)).toBe(withNode(other, text));
  });
});
