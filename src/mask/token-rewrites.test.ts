import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import type { Keyring } from "../keys/keyring.ts";
import { MASK_NAMES, type MaskName } from "../pipeline/contracts.ts";
import { isMasked, type MaskedColumn, tokenizerOf } from "./column-tokens.ts";
import { rewrapOf, rewrappedVersions, type RewriteKeys, takeoverOf } from "./token-rewrites.ts";

const DOMAIN = "logins";
const VALUE = "912-34-5678";

function columnWith(mask: MaskName, name = "masked_device_id"): MaskedColumn {
  const column = testColumn({ name, type: "text", mask });
  if (!isMasked(column)) throw new Error("no mask");
  return column;
}
function keysOf(keyring: Keyring, domain = DOMAIN): RewriteKeys {
  if (keyring.primary === null) throw new Error("no primary version");
  return { keyring, primary: keyring.primary, domain };
}
const tokenOf = (column: MaskedColumn, keyring: Keyring, value = VALUE): string =>
  String(tokenizerOf(column, { keyring, domain: DOMAIN })(value));

const FIRST = keyringOf({ 1: "primary" });
const SECOND = keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 });
const THIRD = keyringOf({ 1: "lookup", 2: "lookup", 3: "primary" }, { 2: 1, 3: 2 });
const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

describe("rewrapOf", () => {
  test.each<MaskName>(["hmac-sha256", "hmac-over-sha256", "aes-siv"])(
    "%s: stored tokens of every version below become those of new events",
    (mask) => {
      const column = columnWith(mask);
      const rewrap = rewrapOf(column, keysOf(THIRD));
      const current = tokenOf(column, THIRD);
      expect(rewrap?.rewrite(tokenOf(column, SECOND))).toBe(current);
      expect(rewrap?.rewrite(tokenOf(column, FIRST))).toBe(current);
      expect(rewrap?.rewrite(current)).toBeNull();
      expect(rewrap?.linkedTokens(tokenOf(column, FIRST))).toEqual([]);
    },
  );

  test("makes the tokens of every older version anew: whoever has the leaked key has theirs, too", () => {
    const column = columnWith("hmac-sha256");
    const keyring = keyringOf({ 1: "lookup", 2: "lookup", 3: "primary", 4: "pending" }, { 3: 2, 4: 3 });
    const rewrap = rewrapOf(column, keysOf(keyring));
    expect(rewrap?.forms).toEqual([
      { prefix: "h1_", charsMin: 46, charsMax: 46 },
      { prefix: "h2_", charsMin: 46, charsMax: 46 },
    ]);
    expect(rewrap?.rewrite(tokenOf(column, keyringOf({ 2: "primary" })))).toBe(tokenOf(column, keyring));
    const rewrapped = rewrap?.rewrite(tokenOf(column, FIRST));
    expect(rewrapped).toMatch(/^h3_[\w-]{43}$/);
    // Another text than that of the value: nobody could join the two without a link.
    expect(rewrapped).not.toBe(tokenOf(column, keyring));
    for (const text of ["h2_not-a-token!", tokenOf(column, FIRST).replace("h", "w"), ""]) {
      expect(rewrap?.rewrite(text)).toBeNull();
    }
  });

  test("goes on after the next rotation, and leaves what was made since", () => {
    for (const mask of ["hmac-sha256", "aes-siv"] as const) {
      const column = columnWith(mask);
      const replaced = keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 });
      const rewrap = rewrapOf(column, keysOf(keyringOf({ 1: "lookup", 2: "linking", 3: "primary" }, { 2: 1 })));
      expect(rewrap?.rewrite(tokenOf(column, FIRST))).toBe(tokenOf(column, replaced));
      expect(rewrap?.rewrite(tokenOf(column, replaced))).toBeNull();
      expect(rewrap?.rewrite(tokenOf(column, keyringOf({ 3: "primary" })))).toBeNull();
    }
  });

  test("a reversible token whose root is destroyed stays as it is", () => {
    const column = columnWith("aes-siv");
    const keyring = keyringOf({ 1: "destroyed", 2: "lookup", 3: "primary" }, { 3: 2 });
    const rewrap = rewrapOf(column, keysOf(keyring));
    expect(rewrap?.forms.map(({ prefix }) => prefix)).toEqual(["s2_"]);
    expect(rewrap?.rewrite(tokenOf(column, FIRST))).toBeNull();
  });

  test("does not open a reversible token of another column or domain", () => {
    const other = tokenOf(columnWith("aes-siv", "other"), FIRST);
    expect(rewrapOf(columnWith("aes-siv"), keysOf(SECOND))?.rewrite(other)).toBeNull();
    const column = columnWith("aes-siv");
    expect(rewrapOf(column, keysOf(SECOND, "other"))?.rewrite(tokenOf(column, FIRST))).toBeNull();
  });

  test("null for exactly the masks whose tokens show no version", () => {
    const without = MASK_NAMES.filter((mask) => rewrapOf(columnWith(mask), keysOf(SECOND)) === null);
    expect(without).toEqual([
      "ipcrypt-deterministic",
      "ipcrypt-pfx",
      "fpe-ff1",
      "generalize",
      "redact",
      "drop",
      "sha256",
    ]);
  });
});

test("rewrappedVersions are those before the last leak", () => {
  const versionsOf = (keyring: Keyring) => rewrappedVersions(keyring).map(({ version }) => version);
  expect(versionsOf(THIRD)).toEqual([1, 2]);
  expect(versionsOf(FIRST)).toEqual([]);
  expect(versionsOf(keyringOf({ 1: "primary", 2: "pending" }, { 2: 1 }))).toEqual([]);
});

describe("takeoverOf", () => {
  test.each([
    ["one version", FIRST],
    ["a chain of three", THIRD],
  ])("a bare digest becomes the token of new events, with %s", (_name, keyring) => {
    const column = columnWith("hmac-over-sha256");
    const takeover = takeoverOf(column, keysOf(keyring));
    expect(takeover?.rewrite(digest(VALUE))).toBe(tokenOf(column, keyring));
    // Not under the leaked keys of the chain.
    expect(takeover?.linkedTokens(digest(VALUE))).toEqual([]);
  });

  test("links the tokens that other live versions made of the same value", () => {
    const column = columnWith("hmac-over-sha256");
    const keyring = keyringOf({ 1: "lookup", 2: "linking", 3: "primary", 4: "pending" });
    expect(takeoverOf(column, keysOf(keyring))?.linkedTokens(digest(VALUE)).toSorted()).toEqual([
      tokenOf(column, FIRST),
      tokenOf(column, keyringOf({ 2: "primary" })),
    ]);
  });

  test("links to no token that a leaked key makes", () => {
    const column = columnWith("hmac-over-sha256");
    const keyring = keyringOf({ 1: "linking", 2: "lookup", 3: "primary" }, { 3: 2 });
    const rewrapped = rewrapOf(column, keysOf(keyring))?.rewrite(tokenOf(column, FIRST));
    expect(takeoverOf(column, keysOf(keyring))?.linkedTokens(digest(VALUE))).toEqual([rewrapped]);
  });

  test.each(["A6D0E2F27F6111E10B06790DB42F34123E724AA0FD24B280F4A0EF5EE986784C", "a6d0", `${digest("")}0`])(
    "%s is no digest",
    (text) => {
      expect(takeoverOf(columnWith("hmac-over-sha256"), keysOf(FIRST))?.rewrite(text)).toBeNull();
    },
  );

  test("null for every other mask", () => {
    for (const mask of MASK_NAMES.filter((name) => name !== "hmac-over-sha256")) {
      expect(takeoverOf(columnWith(mask), keysOf(FIRST))).toBeNull();
    }
  });
});
