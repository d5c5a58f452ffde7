import { describe, expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { MASK_NAMES, type MaskName } from "../pipeline/contracts.ts";
import { isMasked, tokenizerOf } from "./column-tokens.ts";
import { allowedForms, tokenTestOf, writtenForms } from "./token-form.ts";

const columnWith = (mask: MaskName | null) => testColumn({ name: "c", type: "text", mask, digits: 9 });
const keyring = keyringOf({ 1: "destroyed", 2: "lookup", 12: "primary", 13: "pending" });

describe("allowedForms", () => {
  test.each<[MaskName, ReturnType<typeof allowedForms>]>([
    [
      "hmac-sha256",
      [
        { prefix: "h1_", charsMin: 46, charsMax: 46 },
        { prefix: "h2_", charsMin: 46, charsMax: 46 },
        { prefix: "h12_", charsMin: 47, charsMax: 47 },
        { prefix: "h13_", charsMin: 47, charsMax: 47 },
      ],
    ],
    ["sha256", [{ prefix: "", charsMin: 64, charsMax: 64 }]],
    ["redact", [{ prefix: "[redacted]", charsMin: 10, charsMax: 10 }]],
    ["drop", []],
    ["generalize", null],
    ["fpe-ff1", null],
    ["ipcrypt-pfx", null],
  ])("of %s: all versions", (mask, forms) => {
    expect(allowedForms(columnWith(mask), keyring)).toEqual(forms);
  });

  test("null without a mask", () => expect(allowedForms(columnWith(null), keyring)).toBeNull());
});

test.each(MASK_NAMES)("what %s makes has the written form, which is an allowed one", (mask) => {
  const column = { ...columnWith(mask), type: mask.startsWith("ipcrypt") ? ("ip" as const) : ("text" as const) };
  const forms = writtenForms(column, keyring);
  if (forms === null || forms.length === 0 || !isMasked(column)) return;
  expect(allowedForms(column, keyring)).toEqual(expect.arrayContaining([...forms]));
  for (const text of ["a", "912-34-5678", "x".repeat(500)]) {
    const token = tokenizerOf(column, { keyring, domain: "logins" })(text) ?? "";
    const [form] = forms;
    expect(token.startsWith(form?.prefix ?? "?")).toBe(true);
    expect(token.length).toBeGreaterThanOrEqual(form?.charsMin ?? Infinity);
    expect(token.length).toBeLessThanOrEqual(form?.charsMax ?? Infinity);
  }
});

describe("tokenTestOf", () => {
  const isTokenOf = (mask: MaskName) => {
    const column = columnWith(mask);
    return isMasked(column) ? tokenTestOf(column) : null;
  };
  const DIGEST = "ab".repeat(32);
  const WITH_FORM = MASK_NAMES.filter((mask) => !["drop"].includes(mask) && isTokenOf(mask) !== null);

  test.each(WITH_FORM)("takes what %s makes, and nothing else", (mask) => {
    const column = columnWith(mask);
    if (!isMasked(column)) throw new Error("masked");
    for (const text of ["a", "x".repeat(500)]) {
      expect(isTokenOf(mask)?.(tokenizerOf(column, { keyring, domain: "logins" })(text) ?? "")).toBe(true);
    }
    for (const raw of [
      "",
      "a",
      "jane@example.org",
      "203.0.113.7",
      "h1_short",
      `h1_${"@".repeat(43)}`,
      "A".repeat(64),
    ]) {
      expect(isTokenOf(mask)?.(raw)).toBe(false);
    }
    expect(isTokenOf(mask)?.(DIGEST)).toBe(mask === "sha256");
  });

  test("of drop nothing is stored", () => expect(isTokenOf("drop")?.("a")).toBe(false));

  test.each(["generalize", "fpe-ff1", "ipcrypt-pfx", "ipcrypt-deterministic"] as const)(
    "null for %s, whose values look like raw ones",
    (mask) => expect(isTokenOf(mask)).toBeNull(),
  );
});

test("without a keyring a keyed mask writes nothing", () => {
  expect(writtenForms(columnWith("hmac-sha256"), null)).toEqual([]);
});
