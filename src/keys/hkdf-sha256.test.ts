import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { hkdfSha256 } from "./derive-key.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const count = (from: number, to: number): Buffer =>
  Buffer.from(Array.from({ length: to - from + 1 }, (_, at) => from + at));

// RFC 5869 appendix A.1 to A.3.
test.each([
  {
    name: "A.1",
    ikm: Buffer.alloc(22, 0x0b),
    salt: count(0x00, 0x0c),
    info: count(0xf0, 0xf9),
    okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  },
  {
    name: "A.2",
    ikm: count(0x00, 0x4f),
    salt: count(0x60, 0xaf),
    info: count(0xb0, 0xff),
    okm:
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09" +
      "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
  },
  {
    name: "A.3",
    ikm: Buffer.alloc(22, 0x0b),
    salt: hex(""),
    info: hex(""),
    okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  },
])("RFC 5869 $name", ({ ikm, salt, info, okm }) => {
  expect(hkdfSha256({ ikm, salt, info, bytes: okm.length / 2 }).toString("hex")).toBe(okm);
});

interface Vector {
  readonly tcId: number;
  readonly result: "valid" | "invalid";
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

test("Wycheproof's vectors", () => {
  const path = new URL("../../tests/vectors/wycheproof-hkdf-sha256.json", import.meta.url);
  const { tests } = JSON.parse(readFileSync(path, "utf8")) as { readonly tests: readonly Vector[] };
  expect(tests).toHaveLength(83);
  for (const { tcId, result, ikm, salt, info, size, okm } of tests) {
    const derive = () => hkdfSha256({ ikm: hex(ikm), salt: hex(salt), info: hex(info), bytes: size }).toString("hex");
    if (result === "invalid") expect(derive, `tcId ${tcId}`).toThrow();
    else expect(derive(), `tcId ${tcId}`).toBe(okm);
  }
});
