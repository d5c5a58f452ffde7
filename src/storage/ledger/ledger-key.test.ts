import { expect, test } from "vitest";
import { messageKeyOf, sourceIdOf } from "./claim.ts";

// Computed with coreutils: printf NAME | sha256sum
test.each([
  ["arn:aws:sqs:us-west-1:000000000000:login-queue", "8387a7ad79766a81"],
  ["", "e3b0c44298fc1c14"],
])("the source id of %j is the signed form of the first 8 bytes of its SHA-256", (name, hex) => {
  expect(sourceIdOf(name)).toBe(BigInt.asIntN(64, BigInt(`0x${hex}`)).toString());
});

test("a canonical UUID is its own key", () => {
  expect(messageKeyOf("9f2c1a80-7b1e-4c55-8a51-0d6a4f5b2c11")).toBe("9f2c1a80-7b1e-4c55-8a51-0d6a4f5b2c11");
});

test("any other id is hashed into a UUID", () => {
  expect(messageKeyOf("")).toBe("e3b0c442-98fc-1c14-9afb-f4c8996fb924");
});

test("ids that differ only in case stay apart", () => {
  const id = "9f2c1a80-7b1e-4c55-8a51-0d6a4f5b2c11";
  expect(messageKeyOf(id.toUpperCase())).not.toBe(id);
});
