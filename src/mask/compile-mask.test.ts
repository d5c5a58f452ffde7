import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { maskOf, rowOf, type FlatMasked, type FlatRecord } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { PiipeError } from "../errors.ts";
import type { KeyState } from "../keys/key-version.ts";
import { Keyring } from "../keys/keyring.ts";
import { createKeys } from "../keys/new-keyring.ts";
import { PrivateKey } from "../keys/private-key.ts";
import { createSeal, openSealed } from "../keys/seal.ts";
import type { Column, ColumnType, ColumnValue, MaskName, RawValue, Rejection } from "../pipeline/contracts.ts";
import { isMasked } from "./column-tokens.ts";
import { compileMask, type MaskOptions } from "./compile-mask.ts";
import { NORMALIZATION_VERSION } from "./normalize/normalize.ts";
import { vaultContext } from "./reveal-token.ts";
import { rewrapOf } from "./token-rewrites.ts";

interface GoldenToken {
  readonly column: string;
  readonly type: ColumnType;
  readonly value: RawValue;
  readonly token: string;
}

interface Golden {
  readonly normalizationVersion: number;
  readonly root: string;
  readonly keyVersion: number;
  readonly domain: string;
  readonly mask: MaskName;
  readonly tokens: readonly GoldenToken[];
}

interface GoldenMasks {
  readonly normalizationVersion: number;
  readonly domain: string;
  readonly versions: readonly { readonly version: number; readonly over?: number; readonly root: string }[];
  readonly tokens: readonly (GoldenToken & {
    readonly mask: MaskName;
    readonly keyVersion: number;
    readonly digits?: number;
  })[];
}

const readGolden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../tests/golden/${name}`, import.meta.url), "utf8"));
const golden = readGolden("tokens-v1.json") as Golden;
const goldenMasks = readGolden("masks-v1.json") as GoldenMasks;

/** The versions up to one, which is primary. */
function goldenKeyring(keyVersion: number): Keyring {
  const versions = goldenMasks.versions
    .filter(({ version }) => version <= keyVersion)
    .map((version) => ({
      ...version,
      state: version.version === keyVersion ? "primary" : "lookup",
      created: "2026-01-31T12:00:00Z",
    }));
  return Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions }), "keyring");
}

const VERSIONLESS: readonly MaskName[] = ["ipcrypt-deterministic", "ipcrypt-pfx", "fpe-ff1"];

function keyringWith(state: string): Keyring {
  const version = { version: golden.keyVersion, state, created: "2026-01-31T12:00:00Z", root: golden.root };
  return Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions: [version] }), "keyring");
}
const options: MaskOptions = { keyring: keyringWith("primary"), domain: golden.domain, seal: null };

const column = (name: string, type: ColumnType, mask: MaskName | null, nullable = false): Column =>
  testColumn({ name, type, mask, nullable });
const record = (...values: readonly RawValue[]): Omit<FlatRecord, "rows"> => ({
  id: "message-1",
  sentAtMs: 1_000,
  values,
  unknownFields: [],
  businessId: null,
});

/** The stored value of one column, or why it is refused. */
function maskOne(one: Column, value: RawValue, with_: MaskOptions = options): ColumnValue | Rejection | undefined {
  const result = maskOf([one], with_)(record(value));
  return result.ok ? result.value.values[0] : result.error;
}

describe("the golden tokens", () => {
  test.each(golden.tokens)("$type $column", ({ column: name, type, value, token }) => {
    expect(maskOne(column(name, type, golden.mask), value)).toBe(token);
  });

  test.each(goldenMasks.tokens)(
    "$mask, version $keyVersion, $column: $value",
    ({ mask, keyVersion, digits, column: name, type, value, token }) => {
      const declared = testColumn({
        name,
        type,
        mask,
        digits: digits ?? null,
        keyVersion: VERSIONLESS.includes(mask) ? keyVersion : null,
      });
      const { domain } = goldenMasks;
      expect(maskOne(declared, value, { keyring: goldenKeyring(keyVersion), domain, seal: null })).toBe(token);
    },
  );

  test("are of this normalisation version", () => {
    expect(golden.normalizationVersion).toBe(NORMALIZATION_VERSION);
    expect(goldenMasks.normalizationVersion).toBe(NORMALIZATION_VERSION);
  });
});

describe("compileMask", () => {
  test("masks the columns with a mask and leaves the others as they are, in order", () => {
    const mask = maskOf(
      [
        column("id", "text", null),
        column("ip", "ip", "sha256"),
        column("n", "integer", null),
        column("z", "text", null, true),
      ],
      options,
    );
    const values = [" As It Is ", "a6d0e2f27f6111e10b06790db42f34123e724aa0fd24b280f4a0ef5ee986784c", 5, null];
    expect(mask(record(" As It Is ", "199.172.111.135", 5, null))).toEqual({
      ok: true,
      value: {
        id: "message-1",
        sentAtMs: 1_000,
        rows: rowOf(values),
        values,
        links: [],
        originals: [],
        suspicions: [],
        businessKeys: [],
        leakedBusinessKeys: [],
      },
    });
  });

  test("what is masked in one row is refused in any other of the message, and told of once", () => {
    const orders = [column("email", "text", "hmac-sha256")];
    const items = [column("note", "text", null), column("gift_to", "text", "hmac-sha256", true)];
    const mask = compileMask([orders, items], options);
    const verdictOn = (...notes: readonly string[]) =>
      mask({
        id: "message-1",
        sentAtMs: 0,
        rows: [
          { table: 0, values: ["jane@example.com"] },
          ...notes.map((note) => ({ table: 1, values: [note, "tom@example.com"] })),
        ],
        unknownFields: [],
        businessId: null,
      });
    expect(verdictOn("a", "b")).toMatchObject({
      ok: true,
      value: { rows: [{ table: 0 }, { table: 1 }, { table: 1 }] },
    });
    const echo = { code: "leak.echo", path: "note" };
    expect(verdictOn("a", "for Jane@Example.com")).toMatchObject({ error: { ...echo, detail: "the value of email" } });
    expect(verdictOn("a", "for tom@example.com")).toMatchObject({ error: { ...echo, detail: "the value of gift_to" } });
  });

  test("a message without a row claims no business id", () => {
    const dedupeBy = { from: "id", origin: { kind: "field", path: ["id"] } } as const;
    const mask = compileMask([[column("a", "text", null)]], { ...options, dedupeBy });
    const dropped = { id: "message-1", sentAtMs: 0, rows: [], unknownFields: [], businessId: null };
    expect(mask(dropped)).toMatchObject({ ok: true, value: { rows: [], businessKeys: [], leakedBusinessKeys: [] } });
  });

  test("sha256 normalises nothing", () => {
    const device = column("device_id", "text", "sha256");
    expect(maskOne(device, "001B44113AB7")).not.toBe(maskOne(device, "001b44113ab7"));
    expect(maskOne(device, " a")).not.toBe(maskOne(device, "a"));
  });

  test.each<[MaskName, RawValue]>([
    ["hmac-sha256", null],
    ["hmac-sha256", ""],
    ["hmac-sha256", " \t"],
    ["sha256", null],
    ["sha256", ""],
  ])("%s never makes a token of %j", (mask, value) => {
    expect(maskOne(column("device_id", "text", mask, true), value)).toBeNull();
    expect(maskOne(column("device_id", "text", mask, false), value)).toEqual({ code: "field.null", path: "device_id" });
  });

  test("takes an empty address for none", () => {
    expect(maskOne(column("ip", "ip", "hmac-sha256", true), "")).toBeNull();
  });

  test.each([" ", "999.1.1.1", "010.8.8.8", "fe80::1%eth0"])(
    "refuses the address %j instead of masking it",
    (value) => {
      expect(maskOne(column("ip", "ip", "hmac-sha256", true), value)).toEqual({ code: "field.format", path: "ip" });
    },
  );

  test("masks false and zero, which are values", () => {
    expect(maskOne(column("b", "boolean", "hmac-sha256"), false)).toMatch(/^h7_/);
    expect(maskOne(column("n", "integer", "hmac-sha256"), 0)).toMatch(/^h7_/);
  });

  test.each<[string, Keyring | null]>([
    ["no keyring", null],
    ["a keyring without a primary version", keyringWith("pending")],
    ["a keyring with a retired version only", keyringWith("lookup")],
  ])("with %s a keyed mask does not compile, and an unkeyed one does", (_name, keyring) => {
    let thrown: unknown;
    try {
      maskOf([column("ip", "ip", "hmac-sha256")], { keyring, domain: "logins", seal: null });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PiipeError);
    expect(thrown).toMatchObject({ code: "keys.missing", message: expect.stringContaining("column ip") });
    expect(() => maskOf([column("ip", "ip", "sha256")], { keyring, domain: "logins", seal: null })).not.toThrow();
  });

  test("takes no record of other columns", () => {
    const mask = maskOf([column("ip", "ip", "sha256")], options);
    expect(() => mask(record("1.2.3.4", "raw"))).toThrow(TypeError);
    expect(() => mask(record())).toThrow(TypeError);
  });
});

describe("null, empty and refused values", () => {
  const bare = (mask: MaskName, type: ColumnType, nullable: boolean): Column =>
    testColumn({
      name: "c",
      type,
      mask,
      nullable,
      digits: mask === "fpe-ff1" ? 9 : null,
      precision: mask === "generalize" && type === "timestamp" ? "day" : null,
    });

  const MASKS: readonly (readonly [MaskName, ColumnType])[] = [
    ["hmac-sha256", "text"],
    ["hmac-over-sha256", "text"],
    ["aes-siv", "text"],
    ["ipcrypt-deterministic", "ip"],
    ["ipcrypt-pfx", "ip"],
    ["fpe-ff1", "text"],
    ["generalize", "ip"],
    ["generalize", "timestamp"],
    ["redact", "text"],
    ["sha256", "text"],
  ];

  test.each(MASKS)("%s of %s keeps null and empty apart from values", (mask, type) => {
    for (const value of [null, ""]) {
      expect(maskOne(bare(mask, type, true), value)).toBeNull();
      expect(maskOne(bare(mask, type, false), value)).toEqual({ code: "field.null", path: "c" });
    }
  });

  test("drop gives NULL for everything, in a column that is not nullable too", () => {
    for (const value of [null, "", "593-47-5928", 0, false]) {
      expect(maskOne(bare("drop", "text", false), value)).toBeNull();
    }
  });

  test("redact gives one constant for everything", () => {
    for (const value of ["593-47-5928", " ", "[redacted]"]) {
      expect(maskOne(bare("redact", "text", false), value)).toBe("[redacted]");
    }
    expect(maskOne(bare("redact", "integer", false), 0)).toBe("[redacted]");
  });

  test.each<[MaskName, ColumnType, RawValue]>([
    ["ipcrypt-deterministic", "ip", "010.8.8.8"],
    ["ipcrypt-pfx", "ip", "127.1"],
    ["generalize", "ip", "fe80::1%eth0"],
    ["fpe-ff1", "text", "593-47-592"],
    ["fpe-ff1", "text", "593-47-592x"],
  ])("%s of %s refuses %j instead of masking it", (mask, type, value) => {
    expect(maskOne(bare(mask, type, true), value)).toEqual({ code: "field.format", path: "c" });
  });
});

/** The masked record, or why it is refused. */
function maskRecord(columns: readonly Column[], values: readonly RawValue[], with_: MaskOptions): FlatMasked {
  const result = maskOf(columns, with_)(record(...values));
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

describe("links", () => {
  const columns = [
    column("masked_ip", "ip", "hmac-sha256", true),
    column("email", "text", "aes-siv", true),
    column("masked_device_id", "text", "hmac-over-sha256", true),
    column("bare", "text", "sha256", true),
    testColumn({ name: "net", type: "ip", mask: "ipcrypt-pfx", nullable: true, keyVersion: 1 }),
    column("note", "text", null, true),
  ];
  const values = ["::ffff:199.172.111.135", "Ann@Example.com", "593-47-5928", "id", "192.0.2.1", "a note"];
  const optionsOf = (states: Readonly<Record<number, KeyState>>, over?: Readonly<Record<number, number>>) => ({
    keyring: keyringOf(states, over),
    domain: "logins",
    seal: null,
  });

  test("lead from the token of each linking version to the new one", () => {
    const before = maskRecord(columns, values, optionsOf({ 1: "primary" }));
    const between = maskRecord(columns, values, optionsOf({ 1: "linking", 2: "primary" }));
    const after = maskRecord(columns, values, optionsOf({ 1: "linking", 2: "linking", 3: "primary" }));

    expect(before.links).toEqual([]);
    expect(between.links).toEqual(
      [0, 1, 2].map((at) => ({
        domain: "logins",
        column: columns[at]?.name,
        oldToken: before.values[at],
        newToken: between.values[at],
      })),
    );
    expect(after.links).toEqual(
      [0, 1, 2].flatMap((at) =>
        [between, before].map((older) => ({
          domain: "logins",
          column: columns[at]?.name,
          oldToken: older.values[at],
          newToken: after.values[at],
        })),
      ),
    );
    // What does not show its version does not change with a rotation, and what has no key neither.
    for (const at of [3, 4, 5]) expect(after.values[at]).toBe(before.values[at]);
  });

  test("are none for a version that is only looked up, destroyed or pending", () => {
    for (const state of ["lookup", "destroyed", "pending"] as const) {
      const withoutNet = columns.filter(({ name }) => name !== "net");
      const own = values.filter((value) => value !== "192.0.2.1");
      expect(maskRecord(withoutNet, own, optionsOf({ 1: state, 2: "primary" })).links).toEqual([]);
    }
  });

  test("are none for NULL", () => {
    const nulls = columns.map(() => null);
    expect(maskRecord(columns, nulls, optionsOf({ 1: "linking", 2: "primary" })).links).toEqual([]);
  });

  test("are none to a leaked version, over which the new tokens are made", () => {
    const rewrap = optionsOf({ 1: "lookup", 2: "primary" }, { 2: 1 });
    expect(maskRecord(columns, values, rewrap).links).toEqual([]);
    // An older rotation that is still under way goes on, with the tokens that a rewrap makes; it makes one of aes-siv's.
    const both = optionsOf({ 1: "linking", 2: "lookup", 3: "primary" }, { 3: 2 });
    const before = maskRecord(columns, values, optionsOf({ 1: "primary" }));
    const linked = maskRecord(columns, values, both);
    const rewrapped = columns
      .filter(isMasked)
      .flatMap((own) => rewrapOf(own, both)?.rewrite(String(before.values[columns.indexOf(own)])) ?? []);
    expect(rewrapped).toHaveLength(3);
    expect(linked.links.map(({ oldToken }) => oldToken)).toEqual(
      rewrapped.filter((token) => !linked.values.includes(token)),
    );
    expect(linked.links).toHaveLength(2);
  });
});

describe("originals", () => {
  const keys = createKeys(new Date("2026-01-31T12:00:00Z"));
  const keyring = Keyring.parse(keys.keyring, "keyring");
  const privateKey = PrivateKey.parse(keys.privateKey, "private file");
  const seal = createSeal(keyring.sealingPublicKey ?? new Uint8Array());
  const revealed = (name: string, type: ColumnType, mask: MaskName): Column =>
    testColumn({ name, type, mask, nullable: true, reveal: true });

  test("are the values as the event had them, sealed for their column", () => {
    const columns = [
      revealed("masked_ip", "ip", "hmac-sha256"),
      revealed("email", "text", "hmac-over-sha256"),
      revealed("bare", "text", "sha256"),
      column("other", "text", "hmac-sha256"),
    ];
    const values = ["::ffff:199.172.111.135", " Ann@Example.com ", "id-1", "not sealed"];
    const masked = maskRecord(columns, values, { keyring, domain: "logins", seal });
    expect(masked.originals.map(({ column: name, token }) => [name, token])).toEqual([
      ["masked_ip", masked.values[0]],
      ["email", masked.values[1]],
      ["bare", masked.values[2]],
    ]);
    for (const [index, { column: name, sealed }] of masked.originals.entries()) {
      expect(openSealed(privateKey, sealed, vaultContext(name), null)).toBe(values[index]);
      expect(() => openSealed(privateKey, sealed, vaultContext("another"), null)).toThrow(PiipeError);
    }
  });

  test("are none for NULL", () => {
    const columns = [revealed("masked_ip", "ip", "hmac-sha256"), revealed("email", "text", "hmac-sha256")];
    expect(maskRecord(columns, [null, " "], { keyring, domain: "logins", seal }).originals).toEqual([]);
  });

  test("are not promised without a key to seal them with", () => {
    const compile = (): unknown => maskOf([revealed("masked_ip", "ip", "hmac-sha256")], options);
    expect(compile).toThrow(
      expect.objectContaining({
        code: "keys.missing",
        message: expect.stringMatching(/column masked_ip has `reveal: true`, and the keyring has no key for sealing/),
      }),
    );
  });
});

describe("a whole JSON object as a text", () => {
  const order = JSON.stringify({ id: 7, customer: { name: "Ada" } });
  const verdictOn = (text: string, fields: Partial<Column>) => {
    const message = testColumn({ name: "message", type: "text", nullable: true, mask: "hmac-sha256", ...fields });
    const seal = message.reveal ? () => new Uint8Array(1) : null;
    const mask = maskOf([message], { keyring: keyringOf({ 1: "primary" }), domain: "d", seal });
    return mask({ id: "1", sentAtMs: 0, values: [text], unknownFields: [], businessId: null });
  };

  test.each<MaskName>(["hmac-sha256", "hmac-over-sha256", "sha256"])(
    "is refused by %s, of which one token would be left",
    (mask) => {
      const spelled = [order, ` ${order}`, `[1,${order}]`, `\ufeff${order}`, `\u00a0${order}`];
      for (const text of [...spelled, ...spelled.map((each) => JSON.stringify(each))]) {
        expect(verdictOn(text, { mask })).toEqual({ ok: false, error: { code: "field.json-text", path: "message" } });
      }
    },
  );

  test.each<[string, Partial<Column>]>([
    ["aes-siv, which gives it back", { mask: "aes-siv" }],
    ["a vault, which gives it back", { reveal: true }],
    ["redact", { mask: "redact" }],
    ["drop", { mask: "drop" }],
  ])("is taken by %s", (_, fields) => {
    expect(verdictOn(order, fields).ok).toBe(true);
  });

  test.each(["{0f8fad5b-d9cb-469f-a165-70867728950e}", "[1,2]", "{}", "{x", '{"a":', "[redacted]"])(
    "%s is none",
    (text) => {
      expect(verdictOn(text, {}).ok).toBe(true);
    },
  );
});
