import { cmac as nobleCmac } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createAesCmac, doubled } from "./aes-siv.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");

const MESSAGE = hex(
  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
);

// RFC 4493 section 4.
test.each([
  [0, "bb1d6929e95937287fa37d129b756746"],
  [16, "070a16b46b4d4144f79bdd9dd04a287c"],
  [40, "dfa66747de9ae63030ca32611497c827"],
  [64, "51f0bebf7e3b9d92fc49741779363cfe"],
])("RFC 4493, a message of %i bytes", (bytes, mac) => {
  const cmac = createAesCmac(hex("2b7e151628aed2a6abf7158809cf4f3c"));
  expect(cmac.macOf(MESSAGE.subarray(0, bytes)).toString("hex")).toBe(mac);
});

test("RFC 4493 section 4, the subkeys", () => {
  const { wholeSubkey, paddedSubkey } = createAesCmac(hex("2b7e151628aed2a6abf7158809cf4f3c"));
  expect(Buffer.from(wholeSubkey).toString("hex")).toBe("fbeed618357133667c85e08f7236a8de");
  expect(Buffer.from(paddedSubkey).toString("hex")).toBe("f7ddac306ae266ccf90bc11ee46d513b");
});

// RFC 5297 appendix A.1: "double()" of two values, the first without a carry.
test.each([
  ["0e04dfafc1efbf040140582859bf073a", "1c09bf5f83df7e080280b050b37e0e74"],
  ["edf09de876c642ee4d78bce4ceedfc4f", "dbe13bd0ed8c85dc9af179c99ddbf819"],
])("RFC 5297 doubles %s", (block, twice) => {
  expect(doubled(hex(block)).toString("hex")).toBe(twice);
});

test("is another implementation's, message after message", () => {
  const bytes = fc.uint8Array({ maxLength: 100 });
  const key = fc.constantFrom(16, 24, 32).chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
  fc.assert(
    fc.property(key, fc.array(bytes, { minLength: 1, maxLength: 8 }), (aesKey, messages) => {
      const cmac = createAesCmac(aesKey);
      for (const message of messages) {
        expect(cmac.macOf(message).toString("hex")).toBe(Buffer.from(nobleCmac(message, aesKey)).toString("hex"));
      }
    }),
  );
});
