import fc from "fast-check";
import { expect, test } from "vitest";
import { Keyring } from "../../keys/keyring.ts";
import type { Column, ColumnType, MaskName } from "../contracts.ts";
import { compileMask } from "./compile-mask.ts";

interface Place {
  readonly column?: string;
  readonly domain?: string;
  readonly version?: number;
  readonly rootFill?: number;
  readonly mask?: MaskName;
  readonly type?: ColumnType;
}

/** Masks one value from scratch: nothing is shared between two calls. */
function token(value: string, place: Place = {}): string {
  const { column = "c", domain = "d", version = 1, rootFill = 1, mask = "hmac-sha256", type = "text" } = place;
  const root = Buffer.alloc(32, rootFill).toString("base64url");
  const versions = [{ version, state: "primary", created: "2026-01-31T12:00:00Z", root }];
  const keyring = Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions }), "keyring");
  const declared: Column = {
    name: column,
    origin: { kind: "field", path: [column] },
    from: column,
    type,
    nullable: false,
    mask,
  };
  const masked = compileMask([declared], { keyring, domain })({
    id: "1",
    sentAtMs: 0,
    values: [value],
    hasUnknownFields: false,
  });
  if (!masked.ok) throw new Error(masked.error.code);
  return String(masked.value.values[0]);
}

const visible = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.trim() !== "");

test("the same value under the same key has the same token", () => {
  fc.assert(
    fc.property(visible, (value) => {
      expect(token(value)).toBe(token(value));
    }),
  );
});

test("another column, domain, root or version gives another token", () => {
  fc.assert(
    fc.property(visible, (value) => {
      const tokens = [
        token(value),
        token(value, { column: "c2" }),
        token(value, { domain: "d2" }),
        token(value, { rootFill: 2 }),
        token(value, { version: 2 }),
      ];
      expect(new Set(tokens).size).toBe(tokens.length);
    }),
  );
});

test("two values that differ in their one form have different tokens", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV4(), (one, other) => {
      expect(token(one, { type: "ip" }) === token(other, { type: "ip" })).toBe(one === other);
    }),
  );
});

test("no token contains its value", () => {
  // Short texts may occur in a token by chance.
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme-ascii", minLength: 6 }),
      fc.constantFrom<MaskName>("hmac-sha256", "sha256"),
      (value, mask) => {
        fc.pre(value.trim().length >= 6);
        expect(token(value, { mask })).not.toContain(value.trim());
      },
    ),
  );
});
