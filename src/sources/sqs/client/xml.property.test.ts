import fc from "fast-check";
import { it } from "vitest";
import { codePoint } from "../../../../tests/support/code-point.ts";
import { child, childText, parseXml } from "./xml.ts";

const XML_ESCAPES: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  '"': "&quot;",
  "\r": "&#xD;",
};

it("gives back any text that was escaped as XML asks", () => {
  const text = fc.string({ unit: codePoint, maxLength: 60 });
  const marked = fc.array(
    fc.oneof(text, fc.constantFrom("<", ">", "&", '"', "'", "\r", "\n", " ", "]]>", "&lt;", "😀")),
  );
  fc.assert(
    fc.property(marked, (parts) => {
      const body = parts.join("");
      const escaped = body.replace(/[<>&"\r]/g, (character) => XML_ESCAPES[character] ?? character);
      const read = childText(child(parseXml(`<R><Body>${escaped}</Body></R>`), "R"), "Body");
      if (read !== body) throw new Error(`read ${JSON.stringify(read)}`);
    }),
  );
});
