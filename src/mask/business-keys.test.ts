import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { maskOf, rowOf, type FlatRecord } from "../../tests/support/one-table.ts";
import { testColumn } from "../../tests/support/test-column.ts";
import { hkdfSha256 } from "../keys/derive-key.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { BusinessIdField, Column } from "../pipeline/contracts.ts";
import { type BusinessKeys, compileBusinessKeys, compileContentChecks } from "./business-keys.ts";

const FIELD: BusinessIdField = { from: "order.id", origin: { kind: "field", path: ["order", "id"] } };

const keysOf = (keyring: Keyring, id = "a-1", domain = "orders", dedupeBy = FIELD): BusinessKeys =>
  compileBusinessKeys({ dedupeBy, keyring, domain })(id);
const all = ({ businessKeys, leakedBusinessKeys }: BusinessKeys): readonly string[] => [
  ...businessKeys,
  ...leakedBusinessKeys,
];
const shares = (a: BusinessKeys, b: BusinessKeys): boolean => all(a).some((key) => all(b).includes(key));

test("a key is the beginning of an HMAC-SHA-256, with a key derived for this use, domain and field", () => {
  const root = createHash("sha256").update("root 1").digest();
  const info = Buffer.from("piipe/v1/dedupe/orders/order.id");
  const key = hkdfSha256({ ikm: root, salt: new Uint8Array(0), info, bytes: 32 });
  const digest = createHmac("sha256", key).update("a-1").digest("hex").slice(0, 32);
  const keys = keysOf(keyringOf({ 1: "primary" }));
  expect(keys).toEqual({ businessKeys: [digest], leakedBusinessKeys: [] });
  // A change would make two events of every one that is sent again after an update of piipe.
  expect(digest).toBe("2043a79d25cf4c34bc45a4d679d42074");
});

test("domains and fields do not share keys, nor does a mask", () => {
  const keyring = keyringOf({ 1: "primary" });
  const other = { ...FIELD, from: "order_id" };
  expect(shares(keysOf(keyring), keysOf(keyring, "a-1", "logins"))).toBe(false);
  expect(shares(keysOf(keyring), keysOf(keyring, "a-1", "orders", other))).toBe(false);
});

test("ids have equal keys only when they are equal, in short and in long texts", () => {
  const compiled = compileBusinessKeys({ dedupeBy: FIELD, keyring: keyringOf({ 1: "primary" }), domain: "orders" });
  const id = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ minLength: 150, maxLength: 700 }));
  fc.assert(
    fc.property(id, id, (a, b) => {
      expect(shares(compiled(a), compiled(b))).toBe(a === b);
      expect(all(compiled(a))).toEqual([expect.stringMatching(/^[\da-f]{32}$/)]);
    }),
  );
});

describe("in a rotation, workers whose keyrings are one step apart share a key that both claim", () => {
  const LINK: readonly Keyring[] = [
    keyringOf({ 1: "primary" }),
    keyringOf({ 1: "primary", 2: "pending" }),
    keyringOf({ 1: "linking", 2: "primary" }),
    keyringOf({ 1: "lookup", 2: "primary" }),
    keyringOf({ 1: "destroyed", 2: "primary" }),
  ];
  const REWRAP: readonly Keyring[] = [
    keyringOf({ 1: "primary" }),
    keyringOf({ 1: "primary", 2: "pending" }, { 2: 1 }),
    keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 }),
    keyringOf({ 1: "lookup", 2: "primary", 3: "pending" }, { 2: 1 }),
    keyringOf({ 1: "lookup", 2: "linking", 3: "primary" }, { 2: 1 }),
  ];
  const pairs = [...LINK.keys()]
    .slice(1)
    .flatMap((step) => [["link", LINK, step] as const, ["rewrap", REWRAP, step] as const]);
  test.each(pairs)("%s, step %#", (_way, keyrings, step) => {
    const [before, after] = [keyrings[step - 1], keyrings[step]].map((keyring) => keysOf(keyring as Keyring));
    const claimed = new Set(before?.businessKeys);
    expect(after?.businessKeys.some((key) => claimed.has(key))).toBe(true);
  });

  test("with the keyring before the pending version, too", () => {
    expect(shares(keysOf(LINK[0] as Keyring), keysOf(LINK[2] as Keyring))).toBe(true);
    expect(shares(keysOf(REWRAP[0] as Keyring), keysOf(REWRAP[2] as Keyring))).toBe(true);
  });

  test("and none once the old key is destroyed and the new one was not known", () => {
    expect(shares(keysOf(LINK[0] as Keyring), keysOf(LINK[4] as Keyring))).toBe(false);
  });
});

test("a leaked key is only recognised, and so are those before it", () => {
  const before = keysOf(keyringOf({ 1: "lookup", 2: "primary" }));
  const after = keysOf(keyringOf({ 1: "lookup", 2: "lookup", 3: "primary" }, { 3: 2 }));
  expect(after.leakedBusinessKeys).toEqual(before.businessKeys);
  expect(after.businessKeys).toHaveLength(1);
  expect(before.businessKeys).not.toContain(after.businessKeys[0]);
});

test("without a key there is no start, and the hint says what to do", () => {
  const compileWith = (keyring: Keyring | null) => (): unknown =>
    maskOf([], { keyring, domain: "orders", seal: null, dedupeBy: FIELD });
  expect(compileWith(null)).toThrow(
    expect.objectContaining({
      code: "keys.missing",
      message: "dedupeBy: order.id needs a key, so that the database cannot tell the ids, and there is no keyring",
      hint: expect.stringContaining("piipe keys new"),
    }),
  );
  expect(compileWith(keyringOf({ 1: "destroyed" }))).toThrow(
    expect.objectContaining({ code: "keys.missing", message: expect.stringContaining("destroyed") }),
  );
});

test("a masked record has the keys, and not the id", () => {
  const raw = { id: "m", sentAtMs: 0, values: [], unknownFields: [] };
  const options = { keyring: keyringOf({ 1: "primary" }), domain: "orders", seal: null };
  const masked = maskOf([], { ...options, dedupeBy: FIELD })({ ...raw, businessId: "anna@example.com" });
  if (!masked.ok) throw new Error("refused");
  expect(masked.value.businessKeys).toEqual(keysOf(options.keyring, "anna@example.com").businessKeys);
  expect(JSON.stringify(masked.value)).not.toContain("anna");

  const without = maskOf([], options);
  const [one, another] = [without({ ...raw, businessId: null }), without({ ...raw, businessId: null })];
  if (!one.ok || !another.ok) throw new Error("refused");
  expect(one.value.businessKeys).toEqual([]);
  expect(one.value.businessKeys).toBe(another.value.businessKeys);
});

test("a record that was decoded for another configuration is a bug", () => {
  const raw = { id: "m", sentAtMs: 0, values: [], unknownFields: [] };
  const options = { keyring: keyringOf({ 1: "primary" }), domain: "orders", seal: null };
  expect(() => maskOf([], options)({ ...raw, businessId: "a" })).toThrow(TypeError);
  expect(() => maskOf([], { ...options, dedupeBy: FIELD })({ ...raw, businessId: null })).toThrow(TypeError);
});

describe("the check of an event's content", () => {
  const columns = [
    testColumn({ name: "n", type: "integer" }),
    testColumn({ name: "sent", type: "timestamp", from: "@sent_at", origin: { kind: "metadata", name: "sent_at" } }),
  ];
  /** What no event says, on its own or each time. */
  const others: readonly Column[] = [
    testColumn({
      name: "request",
      type: "text",
      origin: {
        kind: "first",
        places: [
          { kind: "field", path: ["request"] },
          { kind: "metadata", name: "message_id" },
        ],
      },
    }),
    testColumn({ name: "tenant", type: "text", origin: { kind: "constant", value: "acme" } }),
  ];
  const checksOf = (
    keyring: Keyring,
    fields: Partial<FlatRecord> = {},
    domain = "orders",
  ): readonly string[] | undefined =>
    compileContentChecks([[...columns, ...others]], { dedupeBy: FIELD, keyring, domain })?.({
      id: "1",
      sentAtMs: 0,
      rows: rowOf(fields.values ?? [1, "2026-01-01", "id-1", "acme"]),
      unknownFields: [],
      businessId: "a",
      ...fields,
    });
  const ring = keyringOf({ 1: "primary" });

  test("is 64 bits of a keyed digest of the id and of what the event itself holds", () => {
    const [check = ""] = checksOf(ring) ?? [];
    expect(BigInt.asIntN(64, BigInt(check)).toString()).toBe(check);
    const same: readonly Partial<FlatRecord>[] = [
      { id: "2", sentAtMs: 5, values: [1, "2026-02-02", "id-2", "acme inc."], unknownFields: ["x"] },
    ];
    const different: readonly Partial<FlatRecord>[] = [
      { values: [2, null] },
      { values: ["1", null] },
      { businessId: "b" },
    ];
    for (const fields of same) expect(checksOf(ring, fields)).toEqual([check]);
    for (const fields of different) expect(checksOf(ring, fields)).not.toEqual([check]);
    expect(checksOf(ring, {}, "logins")).not.toEqual([check]);
    expect(checksOf(keyringOf({ 1: "primary" }, {}, "other"))).not.toEqual([check]);
  });

  test("is one for each business key that is claimed, in their order", () => {
    const keyring = keyringOf({ 1: "destroyed", 2: "lookup", 3: "primary", 4: "pending" }, { 3: 2 });
    expect(checksOf(keyring)).toHaveLength(keysOf(keyring).businessKeys.length);
    expect(checksOf(keyringOf({ 1: "linking", 2: "primary" }))?.[0]).toBe(checksOf(ring)?.[0]);
    expect(compileContentChecks([columns], { dedupeBy: null, keyring, domain: "orders" })).toBeNull();
  });
});
