import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codePoint } from "../../../tests/support/code-point.ts";
import { testColumn } from "../../../tests/support/test-column.ts";
import { sha256Operator } from "./sha256.ts";

const tokenize = sha256Operator.create(testColumn({ name: "c", type: "text" }));

test.each([
  ["199.172.111.135", "a6d0e2f27f6111e10b06790db42f34123e724aa0fd24b280f4a0ef5ee986784c"],
  ["593-47-5928", "4f00c1a807b673887c7af517d0df68e6b41aecf8cbec26c71fe4c580664669ed"],
  // FIPS 180-2 appendix B.1.
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
])("%s", (text, token) => {
  expect(tokenize(text)).toBe(token);
});

test("is createHash's for any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: codePoint, maxLength: 3_000 }), (text) => {
      expect(tokenize(text)).toBe(createHash("sha256").update(text, "utf8").digest("hex"));
    }),
  );
});
