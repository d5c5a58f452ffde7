import { expect, test } from "vitest";
import { MASK_NAMES } from "../contracts.ts";
import { OPERATORS } from "./operators/operators.ts";
import { tokenCharsOf } from "./token-chars.ts";

test.each(MASK_NAMES.flatMap((mask) => [1, 9, 10, 9_999].map((version) => ({ mask, version }))))(
  "$mask, version $version: as long as the tokens are",
  ({ mask, version }) => {
    const operator = OPERATORS[mask];
    const tokenize = operator.needsKey ? operator.create(new Uint8Array(32), version) : operator.create();
    for (const text of ["a", "é".repeat(5_000)]) expect(tokenize(text)).toHaveLength(tokenCharsOf(mask, version));
  },
);

test("every operator bears its name", () => {
  for (const mask of MASK_NAMES) expect(OPERATORS[mask].name).toBe(mask);
});
