import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Column, MaskName } from "../pipeline/contracts.ts";
import type { MaskedColumn } from "./column-tokens.ts";
import { isReversible, revealToken } from "./reveal-token.ts";
import {
  isBareDigest,
  linkRuleOf,
  showsVersion,
  spellingsFound,
  valueTokensOf,
  versionOfToken,
  whyUnsearchable,
} from "./value-tokens.ts";

const IP = "199.172.111.135";
const columnOf = (mask: MaskName, fields: Partial<Column> = {}): MaskedColumn => ({
  ...testColumn({ name: "c", type: "ip", ...fields }),
  mask,
});
const tokensOf = (column: MaskedColumn, keyring: Keyring | null, text = IP) =>
  valueTokensOf(column, { keyring, domain: "logins" })(text);

const ALL_STATES = keyringOf({ 1: "destroyed", 2: "lookup", 3: "linking", 4: "primary", 5: "pending" });

describe("the tokens of a value", () => {
  test.each<MaskName>(["hmac-sha256", "aes-siv"])("%s: one for each version whose key is there", (mask) => {
    const column = columnOf(mask);
    const tokens = tokensOf(column, ALL_STATES) ?? [];
    expect(tokens.map((token) => versionOfToken(column, token))).toEqual([5, 4, 3, 2]);
  });

  test("hmac-over-sha256: the bare digest as well, which a takeover has not reached yet", () => {
    const column = columnOf("hmac-over-sha256");
    const tokens = tokensOf(column, keyringOf({ 1: "primary" })) ?? [];
    expect(tokens.map((token) => versionOfToken(column, token))).toEqual([1, null]);
    expect(tokens[1]).toBe(createHash("sha256").update(IP).digest("hex"));
  });

  test("sha256: the digest of exactly this text, without a key", () => {
    const upper = "2001:DB8::1";
    expect(tokensOf(columnOf("sha256"), null, upper)).toEqual([createHash("sha256").update(upper).digest("hex")]);
  });

  test.each<[MaskName, Partial<Column>, string]>([
    ["ipcrypt-deterministic", {}, IP],
    ["ipcrypt-pfx", {}, IP],
    ["fpe-ff1", { type: "text", digits: 9 }, "593-47-5928"],
  ])("%s: of its own version only, as another key would give the token of another value", (mask, fields, text) => {
    const alone = tokensOf(columnOf(mask, fields), keyringOf({ 2: "primary" }), text);
    expect(alone).toHaveLength(1);
    expect(tokensOf(columnOf(mask, { ...fields, keyVersion: 2 }), ALL_STATES, text)).toEqual(alone);
    expect(() => tokensOf(columnOf(mask, fields), ALL_STATES, text)).toThrow(
      expect.objectContaining({ code: "keys.missing" }) as Error,
    );
  });

  test("a version over another one makes them over the tokens of that one", () => {
    const column = columnOf("hmac-sha256");
    const over = tokensOf(column, keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 })) ?? [];
    const beside = tokensOf(column, keyringOf({ 1: "lookup", 2: "primary" })) ?? [];
    expect(over[0]).toMatch(/^h2_/);
    expect(over[0]).not.toBe(beside[0]);
    expect(over[1]).toBe(beside[1]);
  });

  test("all spellings have the same ones", () => {
    const column = columnOf("hmac-sha256");
    expect(tokensOf(column, ALL_STATES, `::ffff:${IP}`)).toEqual(tokensOf(column, ALL_STATES));
  });

  test("what is no value of the column, or an empty one, has none", () => {
    const keyring = keyringOf({ 1: "primary" });
    expect(tokensOf(columnOf("hmac-sha256"), keyring, "999.1.1.1")).toBeNull();
    expect(tokensOf(columnOf("hmac-sha256", { type: "text" }), keyring, "  ")).toBeNull();
    expect(tokensOf(columnOf("fpe-ff1", { type: "text", digits: 9 }), keyring, "593-47-592")).toBeNull();
  });

  test("without any key there is no token and no way around it", () => {
    for (const keyring of [null, keyringOf({ 1: "destroyed", 2: "destroyed" })]) {
      expect(() => tokensOf(columnOf("hmac-sha256"), keyring)).toThrow(
        expect.objectContaining({ code: "keys.missing" }) as Error,
      );
    }
  });
});

test("masks by which no value can be found say why", () => {
  for (const mask of ["generalize", "redact", "drop"] as const) {
    const column = columnOf(mask);
    expect(whyUnsearchable(column)).toContain(mask);
    expect(() => valueTokensOf(column, { keyring: null, domain: "logins" })).toThrow(TypeError);
  }
  for (const mask of ["hmac-sha256", "hmac-over-sha256", "aes-siv", "ipcrypt-pfx", "fpe-ff1", "sha256"] as const) {
    expect(whyUnsearchable(columnOf(mask))).toBeNull();
  }
});

test("a token shows a version only in its mask's own form", () => {
  const column = columnOf("hmac-sha256");
  expect(showsVersion(column)).toBe(true);
  expect(versionOfToken(column, "h12_LhB1")).toBe(12);
  for (const token of ["s1_LhB1", "h0_LhB1", "h_LhB1", "h12345_LhB1", "h1LhB1", IP, ""]) {
    expect(versionOfToken(column, token)).toBeNull();
  }
  expect(showsVersion(columnOf("ipcrypt-pfx"))).toBe(false);
  expect(versionOfToken(columnOf("sha256"), "h1_LhB1")).toBeNull();
});

describe("what links may lead to", () => {
  const rule = (mask: MaskName, keyring: Keyring, isValueKnown = true) =>
    linkRuleOf(columnOf(mask), keyring, isValueKnown);
  const token = (version: number) => `h${version}_${"x".repeat(43)}`;

  test("no token of a version whose key is there: every one of the value was made", () => {
    expect(rule("hmac-sha256", ALL_STATES)?.madePrefixes).toEqual(["h2_", "h3_", "h4_", "h5_"]);
    expect(rule("aes-siv", ALL_STATES)?.madePrefixes).toEqual(["s2_", "s3_", "s4_", "s5_"]);
    expect(rule("hmac-sha256", ALL_STATES, false)?.madePrefixes).toEqual([]);
  });

  test("one of a version that a rewrap gave to tokens whose key is gone", () => {
    const keyring = keyringOf({ 1: "destroyed", 2: "lookup", 3: "lookup", 4: "primary" }, { 4: 3 });
    const made = rule("hmac-sha256", keyring);
    expect(made?.madePrefixes).toEqual(["h2_", "h3_"]);
    expect([1, 2, 3, 4].map((version) => made?.tokensMax(version))).toEqual([1, 1, 1, 3]);
    // Opened and encrypted anew: whatever version it was of, the value has one.
    expect(rule("aes-siv", keyring)).toMatchObject({ madePrefixes: ["s2_", "s3_", "s4_"] });
    expect(rule("aes-siv", keyring)?.tokensMax(4)).toBe(1);
  });

  test("one of a version that only a newer keyring has", () => {
    expect(rule("hmac-sha256", ALL_STATES)?.versionOf(token(9))).toBe(9);
    expect(rule("hmac-sha256", ALL_STATES)?.tokensMax(9)).toBe(6);
  });

  test("nothing that is no token of the column, and nothing where tokens show no version", () => {
    for (const other of [IP, "h1_short", `${token(1)}x`, `w${token(1).slice(1)}`, ""]) {
      expect(rule("hmac-sha256", ALL_STATES)?.versionOf(other)).toBeNull();
    }
    for (const mask of ["ipcrypt-pfx", "fpe-ff1", "sha256"] as const) expect(rule(mask, ALL_STATES)).toBeNull();
  });
});

test("a bare digest is one where a takeover may still find it", () => {
  const digest = createHash("sha256").update(IP).digest("hex");
  expect(isBareDigest(columnOf("hmac-over-sha256"), digest)).toBe(true);
  expect(isBareDigest(columnOf("hmac-over-sha256"), "w1_x")).toBe(false);
  // There it is what the column is to hold.
  expect(isBareDigest(columnOf("sha256"), digest)).toBe(false);
});

test.each<[MaskName, Partial<Column>, string, string]>([
  ["hmac-sha256", { type: "text" }, "+49 30 1234567", "same characters"],
  ["hmac-sha256", { type: "text" }, "Zoë O'Hara", "same characters"],
  ["hmac-sha256", { type: "text" }, "Zoe@Example.org", "all"],
  ["hmac-sha256", { type: "text" }, "3308AC48-9CE1-46B3-92A9-2989DF46BB84", "all"],
  ["hmac-sha256", {}, IP, "all"],
  ["hmac-over-sha256", {}, IP, "exactly this"],
  ["fpe-ff1", { type: "text", digits: 9 }, "593-47-5928", "all"],
])("%s of %o finds of %s: %s", (mask, fields, text, found) => {
  expect(spellingsFound(columnOf(mask, fields), text)).toBe(found);
});

describe("turning a token back", () => {
  test("aes-siv: with the key of the version that it shows", () => {
    const column = columnOf("aes-siv");
    const options = { keyring: ALL_STATES, domain: "logins" };
    const tokens = tokensOf(column, ALL_STATES) ?? [];
    expect(tokens.map((token) => revealToken(column, token, options))).toEqual([IP, IP, IP, IP]);
    const [token = ""] = tokens;
    for (const other of [token.replace("s5_", "s4_"), token.replace("s5_", "s1_"), token.replace("s5_", "s9_"), IP]) {
      expect(revealToken(column, other, options)).toBeNull();
    }
    expect(revealToken({ ...column, name: "d" }, token, options)).toBeNull();
  });

  test.each<MaskName>(["ipcrypt-deterministic", "ipcrypt-pfx"])(
    "%s: with the version that the column names",
    (mask) => {
      const column = columnOf(mask, { keyVersion: 2 });
      const [token = ""] = tokensOf(column, ALL_STATES) ?? [];
      expect(revealToken(column, token, { keyring: ALL_STATES, domain: "logins" })).toBe(IP);
    },
  );

  test("one-way masks cannot", () => {
    for (const mask of ["hmac-sha256", "hmac-over-sha256", "sha256", "redact", "drop", "generalize"] as const) {
      expect(isReversible(columnOf(mask))).toBe(false);
      expect(() => revealToken(columnOf(mask), "h1_LhB1", { keyring: ALL_STATES, domain: "logins" })).toThrow(
        TypeError,
      );
    }
  });
});
