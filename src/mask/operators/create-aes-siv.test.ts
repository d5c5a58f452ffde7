import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createAesSiv } from "./aes-siv.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");

describe("RFC 5297", () => {
  test.each([
    {
      appendix: "A.1",
      key: "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      associated: ["101112131415161718191a1b1c1d1e1f2021222324252627"],
      plaintext: "112233445566778899aabbccddee",
      sealed: "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
    },
    {
      appendix: "A.2, with a nonce as the last string",
      key: "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
      associated: [
        "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
        "102030405060708090a0",
        "09f911029d74e35bd84156c5635688c0",
      ],
      plaintext: "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
      sealed:
        "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
    },
  ])("appendix $appendix", ({ key, associated, plaintext, sealed }) => {
    const siv = createAesSiv(hex(key), associated.map(hex));
    expect(siv.encrypt(hex(plaintext)).toString("hex")).toBe(sealed);
    expect(siv.decrypt(hex(sealed))?.toString("hex")).toBe(plaintext);
  });
});

interface Vector {
  readonly tcId: number;
  readonly result: "valid" | "invalid";
  readonly key: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
}

test("Wycheproof's vectors", () => {
  const path = new URL("../../../tests/vectors/wycheproof-aes-siv.json", import.meta.url);
  const { tests } = JSON.parse(readFileSync(path, "utf8")) as { readonly tests: readonly Vector[] };
  expect(tests).toHaveLength(442);
  for (const { tcId, result, key, aad, msg, ct } of tests) {
    const siv = createAesSiv(hex(key), [hex(aad)]);
    expect(siv.encrypt(hex(msg)).toString("hex") === ct, `tcId ${tcId}`).toBe(result === "valid");
    expect(siv.decrypt(hex(ct))?.toString("hex") ?? null, `tcId ${tcId}`).toBe(result === "valid" ? msg : null);
  }
});

describe("createAesSiv", () => {
  test.each([0, 16, 31, 33, 128])("refuses a key of %i bytes", (bytes) => {
    expect(() => createAesSiv(Buffer.alloc(bytes), [])).toThrow(TypeError);
  });

  test("keeps associated strings apart", () => {
    const key = Buffer.alloc(64, 7);
    const of = (...associated: readonly string[]): string =>
      createAesSiv(
        key,
        associated.map((text) => Buffer.from(text)),
      )
        .encrypt(Buffer.from("text"))
        .toString("hex");
    const sealed = [of("ab", "c"), of("a", "bc"), of("abc"), of("abc", ""), of("", "abc"), of("c", "ab")];
    expect(new Set(sealed).size).toBe(sealed.length);
  });

  test.each([0, 1, 15])("opens nothing of %i bytes", (bytes) => {
    expect(createAesSiv(Buffer.alloc(64, 7), []).decrypt(Buffer.alloc(bytes))).toBeNull();
  });
});
