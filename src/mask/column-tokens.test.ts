import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { maskOf } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import type { KeyState } from "../keys/key-version.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Column, MaskName } from "../pipeline/contracts.ts";
import {
  activeVersion,
  isMasked,
  keyUse,
  linkedTokenizers,
  type MaskedColumn,
  type MaskOptions,
  normalizerOf,
  tokenizerOf,
  versionTokenizer,
} from "./column-tokens.ts";
import type { KeyedOperator } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";
import { rewrapOf } from "./token-rewrites.ts";

interface Version {
  readonly version: number;
  readonly state: KeyState;
  readonly over?: number;
}

const optionsOf = (...versions: readonly Version[]): MaskOptions & { readonly keyring: Keyring } => ({
  keyring: keyringOf(
    Object.fromEntries(versions.map(({ version, state }) => [version, state])),
    Object.fromEntries(versions.flatMap(({ version, over }) => (over === undefined ? [] : [[version, over]]))),
  ),
  domain: "logins",
});

function masked(mask: MaskName, fields: Partial<Column> = {}): MaskedColumn {
  const type = mask.startsWith("ipcrypt") ? "ip" : "text";
  const column = testColumn({ name: "c", type, mask, digits: mask === "fpe-ff1" ? 9 : null, ...fields });
  if (!isMasked(column)) throw new Error("the column has no mask");
  return column;
}

function keyed(mask: MaskName): KeyedOperator {
  const operator = OPERATORS[mask];
  if (!operator.needsKey) throw new Error(`${mask} has no key`);
  return operator;
}

const VERSIONLESS = ["ipcrypt-deterministic", "ipcrypt-pfx", "fpe-ff1"] as const;
const VERSIONED = ["hmac-sha256", "hmac-over-sha256", "aes-siv"] as const;
const KEYED = [...VERSIONED, ...VERSIONLESS];
const VALUES: Readonly<Record<(typeof KEYED)[number], string>> = {
  "hmac-sha256": "ann@example.com",
  "hmac-over-sha256": "ann@example.com",
  "aes-siv": "ann@example.com",
  "ipcrypt-deterministic": "192.0.2.1",
  "ipcrypt-pfx": "192.0.2.1",
  "fpe-ff1": "593-47-5928",
};

describe("a key that cannot be used is refused", () => {
  const refused = (message: RegExp): unknown =>
    expect.objectContaining({
      name: "PiipeError",
      code: "keys.missing",
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });

  test.each(KEYED)("without a keyring: %s", (mask) => {
    expect(() => tokenizerOf(masked(mask), { keyring: null, domain: "logins" })).toThrow(
      refused(new RegExp(`^column c has the mask ${mask}, which needs a key, and there is no keyring$`)),
    );
  });

  test.each<[readonly Version[], RegExp]>([
    [[{ version: 1, state: "pending" }], /no version of the keyring is primary: version 1 is pending$/],
    [[{ version: 1, state: "lookup" }], /no version of the keyring is primary: version 1 is lookup$/],
    [[{ version: 1, state: "linking" }], /no version of the keyring is primary: version 1 is linking$/],
    [[{ version: 1, state: "destroyed" }], /no version of the keyring is primary: version 1 is destroyed$/],
    [
      [
        { version: 1, state: "destroyed" },
        { version: 2, state: "pending" },
      ],
      /no version of the keyring is primary: version 1 is destroyed, version 2 is pending$/,
    ],
  ])("with %j", (versions, message) => {
    for (const mask of KEYED) {
      expect(() => tokenizerOf(masked(mask), optionsOf(...versions))).toThrow(refused(message));
    }
  });

  test.each(VERSIONLESS)("%s, whose tokens do not show their version, once there is another one", (mask) => {
    for (const state of ["linking", "lookup", "destroyed"] as const) {
      const options = optionsOf({ version: 1, state }, { version: 2, state: "primary" });
      expect(() => tokenizerOf(masked(mask), options)).toThrow(
        refused(/several versions, and column c does not say which makes its tokens/),
      );
    }
    // A pending version has made no tokens yet.
    const options = optionsOf({ version: 1, state: "primary" }, { version: 2, state: "pending" });
    expect(activeVersion(masked(mask), options).version).toBe(1);
  });

  test("all such columns are named at once, with the oldest version that was used", () => {
    const columns = VERSIONLESS.map((mask) => masked(mask, { name: mask }));
    const options = optionsOf(
      { version: 2, state: "lookup" },
      { version: 3, state: "linking" },
      { version: 4, state: "primary" },
      { version: 1, state: "pending" },
    );
    expect(() => maskOf(columns, { ...options, seal: null })).toThrow(
      expect.objectContaining({
        code: "keys.missing",
        message: expect.stringContaining(`the columns ${VERSIONLESS.join(", ")} do not say which makes their tokens`),
        hint: expect.stringMatching(/`keyVersion: 2`, or `keyVersion: 4` where a column is new/),
      }),
    );
    const [column] = columns;
    if (column === undefined) throw new Error("no column");
    expect(() => maskOf([{ ...column, keyVersion: 2 }], { ...options, seal: null })).not.toThrow();
  });

  test.each<[KeyState | null, RegExp]>([
    [null, /^column c has `keyVersion: 1`, and that version of the keyring is not there$/],
    ["pending", /^column c has `keyVersion: 1`, and that version of the keyring is pending$/],
    ["destroyed", /^column c has `keyVersion: 1`, and that version of the keyring is destroyed$/],
  ])("a column that names a version which is %j", (state, message) => {
    const versions: Version[] = [{ version: 2, state: "primary" }];
    if (state !== null) versions.push({ version: 1, state });
    for (const mask of VERSIONLESS) {
      expect(() => tokenizerOf(masked(mask, { keyVersion: 1 }), optionsOf(...versions))).toThrow(refused(message));
    }
  });
});

describe("activeVersion", () => {
  test.each(VERSIONED)("%s takes the primary version", (mask) => {
    const options = optionsOf(
      { version: 1, state: "linking" },
      { version: 2, state: "primary" },
      { version: 3, state: "pending" },
    );
    expect(activeVersion(masked(mask), options).version).toBe(2);
  });

  test.each<KeyState>(["primary", "linking", "lookup"])("a column keeps the version that it names, %s", (state) => {
    const options = optionsOf(
      { version: 1, state },
      { version: 2, state: state === "primary" ? "pending" : "primary" },
    );
    for (const mask of VERSIONLESS) {
      const pinned = masked(mask, { keyVersion: 1 });
      expect(activeVersion(pinned, options).version).toBe(1);
      expect(tokenizerOf(pinned, options)(VALUES[mask])).toBe(
        tokenizerOf(masked(mask), optionsOf({ version: 1, state: "primary" }))(VALUES[mask]),
      );
    }
  });
});

describe("linkedTokenizers", () => {
  const tokensOf = (mask: (typeof KEYED)[number], options: MaskOptions, fields: Partial<Column> = {}) =>
    linkedTokenizers(masked(mask, fields), options).map((tokenize) => tokenize(VALUES[mask]));
  const tokenUnder = (mask: (typeof KEYED)[number], version: number): string =>
    String(tokenizerOf(masked(mask), optionsOf({ version, state: "primary" }))(VALUES[mask]));
  const options = optionsOf(
    { version: 1, state: "lookup" },
    { version: 2, state: "linking" },
    { version: 3, state: "linking" },
    { version: 4, state: "primary" },
    { version: 5, state: "pending", over: 4 },
  );

  test.each(VERSIONED)("%s has those of the linking versions, the newest first", (mask) => {
    expect(tokensOf(mask, options)).toEqual([tokenUnder(mask, 3), tokenUnder(mask, 2)]);
  });

  test.each(VERSIONLESS)("%s has none", (mask) => {
    expect(tokensOf(mask, options, { keyVersion: 4 })).toEqual([]);
  });

  test.each(["sha256", "redact", "drop"] as const)("%s has none", (mask) => {
    expect(linkedTokenizers(masked(mask), options)).toEqual([]);
  });

  const afterLeak = [
    { version: 1, state: "linking" },
    { version: 2, state: "lookup" },
  ] as const;

  test.each(["hmac-sha256", "hmac-over-sha256"] as const)(
    "%s, after a leak, has the token that a rewrap makes",
    (mask) => {
      const replaced = optionsOf(...afterLeak, { version: 3, state: "primary", over: 2 });
      const rewrap = rewrapOf(masked(mask), { keyring: replaced.keyring, domain: "logins" });
      const token = rewrap?.rewrite(tokenUnder(mask, 1));
      expect(token).toMatch(/^[hw]3_/);
      expect(tokensOf(mask, replaced)).toEqual([token]);
    },
  );

  test("aes-siv, after a leak, has none that a rewrap makes the same as the new one, and then that of the next rotation", () => {
    expect(tokensOf("aes-siv", optionsOf(...afterLeak, { version: 3, state: "primary", over: 2 }))).toEqual([]);
    const next = optionsOf(...afterLeak, { version: 3, state: "lookup", over: 2 }, { version: 4, state: "primary" });
    expect(tokensOf("aes-siv", next)).toEqual([tokenUnder("aes-siv", 3)]);
  });
});

describe("a version over another", () => {
  const chain = optionsOf(
    { version: 1, state: "lookup" },
    { version: 2, state: "lookup", over: 1 },
    { version: 3, state: "primary", over: 2 },
  );
  const versionOf = (number: number) => {
    const version = chain.keyring.find(number);
    if (version === null) throw new Error(`there is no version ${number}`);
    return version;
  };

  test.each(["hmac-sha256", "hmac-over-sha256"] as const)("%s: is the HMAC of the older token", (mask) => {
    const column = masked(mask);
    const letter = mask === "hmac-sha256" ? "h" : "w";
    const tokens = [1, 2, 3].map((number) =>
      String(versionTokenizer(keyed(mask), column, versionOf(number), chain)("value")),
    );
    for (const [index, token] of tokens.entries()) {
      expect(token).toMatch(new RegExp(`^${letter}${index + 1}_[A-Za-z0-9_-]{43}$`));
      if (index === 0) continue;
      const { key } = keyUse(keyed(mask), column, versionOf(index + 1), "logins");
      const mac = createHmac("sha256", key)
        .update(tokens[index - 1] ?? "", "utf8")
        .digest("base64url");
      expect(token).toBe(`${letter}${index + 1}_${mac}`);
    }
    expect(tokenizerOf(column, chain)("value")).toBe(tokens[2]);
  });

  test.each(["hmac-sha256", "hmac-over-sha256"] as const)(
    "%s: a rewrap of the stored token lands on the token of a new event",
    (mask) => {
      const column = masked(mask);
      const operator = keyed(mask);
      const stored = String(versionTokenizer(operator, column, versionOf(2), chain)("value"));
      const rewrapped = operator.chain?.(keyUse(operator, column, versionOf(3), "logins"))(stored);
      expect(rewrapped).toBe(tokenizerOf(column, chain)("value"));
    },
  );

  test.each(["aes-siv", ...VERSIONLESS] as const)("%s, which can be opened, is made of the value", (mask) => {
    const column = masked(mask);
    const alone = optionsOf({ version: 3, state: "primary" });
    expect(versionTokenizer(keyed(mask), column, versionOf(3), chain)(VALUES[mask])).toBe(
      tokenizerOf(column, alone)(VALUES[mask]),
    );
  });
});

test.each(["aes-siv", ...VERSIONLESS] as const)("%s: what a version made, it reveals", (mask) => {
  const options = optionsOf({ version: 1, state: "primary" });
  const column = masked(mask);
  const token = tokenizerOf(column, options)(VALUES[mask]);
  const use = keyUse(keyed(mask), column, activeVersion(column, options), "logins");
  expect(keyed(mask).reveal?.(use)(String(token))).toBe(VALUES[mask]);
});

test.each(["hmac-sha256", "hmac-over-sha256"] as const)("%s reveals nothing", (mask) => {
  expect(keyed(mask).reveal).toBeNull();
});

describe("normalizerOf", () => {
  test.each<[MaskName, Partial<Column>, string, string | null]>([
    ["hmac-sha256", { type: "ip" }, "::ffff:192.0.2.1", "192.0.2.1"],
    ["hmac-sha256", { type: "text" }, " Ann@Example.com ", "ann@example.com"],
    ["hmac-sha256", { type: "uuid" }, "424cdd21-063a-43a7-b91b-7ca1a833afae", "424cdd21-063a-43a7-b91b-7ca1a833afae"],
    ["aes-siv", { type: "text" }, " a ", "a"],
    ["fpe-ff1", { type: "text" }, " 593-47-5928\n", "593-47-5928"],
    ["ipcrypt-pfx", { type: "ip" }, "2001:DB8:0:0::1", "2001:db8::1"],
    ["ipcrypt-deterministic", { type: "ip" }, "010.8.8.8", null],
    ["generalize", { type: "ip" }, "::ffff:192.0.2.1", "192.0.2.1"],
    ["sha256", { type: "text" }, " Ann@Example.com ", " Ann@Example.com "],
    ["hmac-over-sha256", { type: "ip" }, "::ffff:192.0.2.1", "::ffff:192.0.2.1"],
  ])("%s of %j: %j is %j", (mask, fields, text, normalized) => {
    expect(normalizerOf(masked(mask, fields))(text)).toBe(normalized);
  });
});
