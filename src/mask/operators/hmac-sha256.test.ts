import { expect, test } from "vitest";
import { testColumn } from "../../../tests/support/test-column.ts";
import { hmacSha256Operator } from "./hmac-sha256.ts";

test("the token names the key version", () => {
  const tokenize = hmacSha256Operator.create({
    key: Buffer.alloc(32, 7),
    version: 12,
    column: testColumn({ name: "c", type: "text" }),
  });
  expect(tokenize("value")).toMatch(/^h12_[A-Za-z0-9_-]{43}$/);
});
