import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { keyringOf } from "../../../tests/support/keyring-of.ts";
import { testColumn } from "../../../tests/support/test-column.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { MASK_NAMES, type MaskName } from "../contracts.ts";
import { isMasked, type MaskedColumn, tokenizerOf } from "./column-tokens.ts";
import { basesOf, rewrapOf, type RewriteKeys, takeoverOf } from "./token-rewrites.ts";

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

  test("leaves tokens of versions that the primary one is not over", () => {
    const column = columnWith("hmac-sha256");
    const keyring = keyringOf({ 1: "lookup", 2: "lookup", 3: "primary" }, { 3: 2 });
    const rewrap = rewrapOf(column, keysOf(keyring));
    expect(rewrap?.forms).toEqual([{ prefix: "h2_", charsMin: 46, charsMax: 46 }]);
    expect(rewrap?.rewrite(tokenOf(column, FIRST))).toBeNull();
    expect(rewrap?.rewrite("h2_not-a-token!")).toBeNull();
    expect(rewrap?.rewrite("")).toBeNull();
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

test("basesOf leads from a version's base down to the one over the values", () => {
  expect(basesOf(keysOf(THIRD).primary, THIRD).map(({ version }) => version)).toEqual([2, 1]);
  expect(basesOf(keysOf(FIRST).primary, FIRST)).toEqual([]);
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
