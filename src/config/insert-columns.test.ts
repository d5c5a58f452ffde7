import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { insertColumns } from "./insert-columns.ts";

const ADDED = ["  # masked: why", "  email: { type: text }", "  items:", "    type: json"];

describe("columns are added at the end of those that are there", () => {
  it.each<[string, string, string]>([
    [
      "before the comments and keys behind them",
      "# mine\ncolumns:\n  a: { type: text } # keep\n  # Left out:\n  # - b\nunknownFields: ignore\n",
      "# mine\ncolumns:\n  a: { type: text } # keep\n  # masked: why\n  email: { type: text }\n  items:\n    type: json\n  # Left out:\n  # - b\nunknownFields: ignore\n",
    ],
    [
      "behind a column of several lines, with its indentation",
      "columns:\n    a:\n        type: json\n        masks:\n            x: redact # y\n\n# end",
      "columns:\n    a:\n        type: json\n        masks:\n            x: redact # y\n    # masked: why\n    email: { type: text }\n    items:\n      type: json\n\n# end",
    ],
    [
      "behind brackets over several lines",
      "columns:\n  a: {\n    type: text\n  }\nsink: 1\n",
      "columns:\n  a: {\n    type: text\n  }\n  # masked: why\n  email: { type: text }\n  items:\n    type: json\nsink: 1\n",
    ],
    [
      "at the end of a file without a line break, in its own line breaks",
      "sink: 1\r\ncolumns:\r\n  a: { type: text }",
      "sink: 1\r\ncolumns:\r\n  a: { type: text }\r\n  # masked: why\r\n  email: { type: text }\r\n  items:\r\n    type: json",
    ],
  ])("%s", (_, text, expected) => {
    expect(insertColumns(text, ADDED)).toBe(expected);
  });

  it("of one of several tables", () => {
    const text =
      "tables:\n  a.b:\n    columns:\n      x: { type: text }\n  c:\n    columns:\n      x: { type: text }\n";
    expect(insertColumns(text, ["  y: { type: text }"], "a.b")).toBe(
      text.replace("  c:", "      y: { type: text }\n  c:"),
    );
    expect(insertColumns(text, ["  y: { type: text }"], "c")).toBe(`${text.trimEnd()}\n      y: { type: text }\n`);
    expect(insertColumns(text, ["  y: { type: text }"], "d")).toBeNull();
  });

  it.each(["columns: { a: { type: text } }\n", "columns: {}\n", "columns:\n", "sink: 1\n", "[]", ""])(
    "and not where they have no lines of their own: %j",
    (text) => {
      expect(insertColumns(text, ADDED)).toBeNull();
    },
  );

  it("whatever the file, with all that was there as it was", () => {
    const settings = fc.record(
      {
        type: fc.constant("json"),
        from: fc.string({ unit: fc.constantFrom("a", " ", ":", "#", "|") }),
        masks: fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { minKeys: 1 }),
      },
      { requiredKeys: ["type"] },
    );
    const columns = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), settings, { minKeys: 1 });
    fc.assert(
      fc.property(columns, fc.integer({ min: 1, max: 8 }), fc.boolean(), (given, indent, isLast) => {
        const rest = isLast ? { columns: given } : { columns: given, unknownFields: "ignore" };
        const document = parseDocument("");
        document.contents = document.createNode(rest) as typeof document.contents;
        const text = document.toString({ indent });
        const inserted = insertColumns(text, ["  zz_new: { type: text }"]);
        expect(inserted?.replace(/\n +zz_new: \{ type: text \}/, "")).toBe(text);
        expect(parseDocument(inserted ?? "").toJS()).toEqual({
          ...rest,
          columns: { ...given, zz_new: { type: "text" } },
        });
      }),
    );
  });
});
