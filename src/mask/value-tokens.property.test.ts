import fc from "fast-check";
import { expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { maskOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import type { MaskName } from "../pipeline/contracts.ts";
import type { MaskedColumn } from "./column-tokens.ts";
import { rewrapOf } from "./token-rewrites.ts";
import { valueTokensOf } from "./value-tokens.ts";

const masks = fc.constantFrom<MaskName>("hmac-sha256", "hmac-over-sha256", "aes-siv", "sha256");
/** The keyrings of a rotation by links and of one over a leaked key, step by step; later ones still have every key. */
const histories = fc.constantFrom(
  [
    keyringOf({ 1: "primary" }),
    keyringOf({ 1: "primary", 2: "pending" }),
    keyringOf({ 1: "linking", 2: "primary" }),
    keyringOf({ 1: "lookup", 2: "linking", 3: "primary" }),
  ],
  [
    keyringOf({ 1: "primary" }),
    keyringOf({ 1: "primary", 2: "pending" }, { 2: 1 }),
    keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 }),
    keyringOf({ 1: "lookup", 2: "lookup", 3: "primary" }, { 2: 1, 3: 2 }),
  ],
  [
    keyringOf({ 1: "primary" }),
    keyringOf({ 1: "linking", 2: "primary" }),
    keyringOf({ 1: "linking", 2: "lookup", 3: "primary" }, { 3: 2 }),
    keyringOf({ 1: "linking", 2: "lookup", 3: "lookup", 4: "primary" }, { 3: 2, 4: 3 }),
  ],
);
const values = fc.oneof(fc.string({ unit: "grapheme" }), fc.uuid(), fc.ipV4(), fc.emailAddress());

test("whatever the pipeline stored of a value, under any keyring before this one, is among its tokens", () => {
  fc.assert(
    fc.property(masks, histories, fc.nat(3), fc.nat(3), values, (mask, history, a, b, value) => {
      const [then, now] = [history[Math.min(a, b)] ?? null, history[Math.max(a, b)] ?? null];
      const column: MaskedColumn = { ...testColumn({ name: "c", type: "text", nullable: true }), mask };
      const masked = maskOf([column], { keyring: then, domain: "logins", seal: null })({
        id: "1",
        sentAtMs: 0,
        values: [value],
        unknownFields: [],
        businessId: null,
      });
      const tokens = valueTokensOf(column, { keyring: now, domain: "logins" })(value) ?? [];
      if (!masked.ok) throw new Error(masked.error.code);
      const [stored] = masked.value.values;
      if (stored === null) {
        expect(tokens).toEqual([]);
        return;
      }
      expect(tokens).toContain(stored);
      const rewrap = now && rewrapOf(column, { keyring: now, domain: "logins" });
      expect(tokens).toContain(rewrap?.rewrite(String(stored)) ?? stored);
      for (const { oldToken } of masked.value.links) expect(tokens).toContain(oldToken);
      expect(new Set(tokens).size).toBe(tokens.length);
    }),
  );
});
