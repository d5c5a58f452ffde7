import fc from "fast-check";
import { expect, test } from "vitest";
import { quoteElement } from "./array-element.ts";

test("quotes and backslashes are escaped, and nothing else", () => {
  const unit = fc.constantFrom('"', "\\", "a", "\n", "\u0001", "\u007f", "\u2028", "\u00e9", "\u{1f600}", "\ud800");
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
      expect(quoteElement(text)).toBe(`"${text.replace(/["\\]/g, "\\$&")}"`);
    }),
    { numRuns: 2_000 },
  );
});
