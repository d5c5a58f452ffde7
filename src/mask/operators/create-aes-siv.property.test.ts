import { aessiv } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createAesSiv } from "./aes-siv.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const key = fc.constantFrom(32, 48, 64).chain(bytes);
const associated = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 });
// Around the ends of blocks, where padding begins and ends.
const plaintext = fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 3_000, size: "max" }));

test("is another implementation's, text after text", () => {
  fc.assert(
    fc.property(key, associated, fc.array(plaintext, { minLength: 1, maxLength: 6 }), (aesKey, strings, texts) => {
      const siv = createAesSiv(aesKey, strings);
      for (const text of texts) {
        const sealed = siv.encrypt(text);
        const other = Buffer.from(aessiv(aesKey, ...strings).encrypt(Uint8Array.from(text)));
        expect(sealed.equals(other)).toBe(true);
        expect(siv.decrypt(sealed)?.equals(text)).toBe(true);
      }
    }),
  );
});

test("every length from 0 to 300 is another implementation's", () => {
  const aesKey = Buffer.alloc(64, 7);
  const strings = [Buffer.from("masked_ip"), Buffer.from("1")];
  const siv = createAesSiv(aesKey, strings);
  for (let length = 0; length <= 300; length += 1) {
    const text = Buffer.alloc(length, length);
    expect(siv.encrypt(text).toString("hex"), `length ${length}`).toBe(
      Buffer.from(aessiv(aesKey, ...strings).encrypt(Uint8Array.from(text))).toString("hex"),
    );
  }
});

test("opens nothing of which one bit was changed, nor with other associated strings", () => {
  fc.assert(
    fc.property(key, associated, fc.uint8Array({ maxLength: 60 }), fc.nat(), (aesKey, strings, text, position) => {
      const sealed = createAesSiv(aesKey, strings).encrypt(text);
      expect(createAesSiv(aesKey, [...strings, new Uint8Array(0)]).decrypt(sealed)).toBeNull();
      const bit = position % (sealed.length * 8);
      sealed.writeUInt8(sealed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(createAesSiv(aesKey, strings).decrypt(sealed)).toBeNull();
    }),
  );
});
