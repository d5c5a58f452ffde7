import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { PiipeError } from "../errors.ts";
import { createKeys } from "./create-keys.ts";
import { Keyring } from "./keyring.ts";

const root = (fill: number): string => Buffer.alloc(32, fill).toString("base64url");
const created = "2026-01-31T12:00:00.000Z";
const version = (number: number, state: string, fill = number): Record<string, unknown> => ({
  version: number,
  state,
  created,
  root: root(fill),
});
const document = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  piipe: "keyring",
  format: 1,
  versions: [version(1, "primary")],
  sealing: { publicKey: root(9) },
  ...changes,
});
const parse = (value: unknown): Keyring => Keyring.parse(JSON.stringify(value), "keys.json");

describe("Keyring.parse", () => {
  test("reads every state", () => {
    const keyring = parse(
      document({
        versions: [
          version(5, "pending"),
          version(4, "primary"),
          version(3, "linking"),
          version(2, "lookup"),
          { version: 1, state: "destroyed", created },
        ],
      }),
    );
    expect(keyring.versions.map(({ state }) => state)).toEqual([
      "pending",
      "primary",
      "linking",
      "lookup",
      "destroyed",
    ]);
    expect(keyring.primary?.version).toBe(4);
    expect(keyring.sealingPublicKey).toEqual(Buffer.alloc(32, 9));
  });

  test("may have neither a primary version nor a key for sealing", () => {
    const { sealing: _, ...withoutSealing } = document({ versions: [version(1, "pending")] });
    const keyring = parse(withoutSealing);
    expect(keyring.primary).toBeNull();
    expect(keyring.sealingPublicKey).toBeNull();
  });

  const { root: _root, ...rootless } = version(1, "primary");
  test.each<[string, unknown, string]>([
    ["a list", [], "the document is not an object"],
    ["another kind", document({ piipe: "private-key" }), '"piipe" is not "keyring"'],
    ["another format", document({ format: 2 }), '"format" is not 1'],
    ["an unknown property", document({ SECRET: 1 }), "the document has a property that is not one of"],
    ["no versions", document({ versions: [] }), '"versions" is not a list of key versions'],
    ["a version that is no object", document({ versions: ["SECRET"] }), "versions[0] is not an object"],
    ["version 0", document({ versions: [version(0, "primary")] }), "is not a whole number from 1 to 9999"],
    ["version 10000", document({ versions: [version(10_000, "primary", 1)] }), "is not a whole number from 1 to 9999"],
    ["an unknown state", document({ versions: [version(1, "SECRET")] }), "the state of versions[0] is not one of"],
    ["no root", document({ versions: [rootless] }), "the root of versions[0] is not 32 bytes"],
    [
      "a root of 31 bytes",
      document({ versions: [{ ...version(1, "primary"), root: Buffer.alloc(31).toString("base64url") }] }),
      "the root of versions[0] is not 32 bytes",
    ],
    [
      "a padded root",
      document({ versions: [{ ...version(1, "primary"), root: `${root(1)}=` }] }),
      "the root of versions[0] is not 32 bytes",
    ],
    [
      "a destroyed version with a root",
      document({ versions: [version(1, "destroyed"), version(2, "primary")] }),
      "versions[0] is destroyed and yet has a root",
    ],
    [
      "one version twice",
      document({ versions: [version(1, "primary", 1), version(1, "lookup", 2)] }),
      "version 1 is there twice",
    ],
    [
      "two primaries",
      document({ versions: [version(1, "primary"), version(2, "primary")] }),
      "versions 1 and 2 are both primary",
    ],
    [
      "one root twice",
      document({ versions: [version(1, "lookup", 3), version(2, "primary", 3)] }),
      "versions 1 and 2 have the same root",
    ],
    ["no time", document({ versions: [{ ...version(1, "primary"), created: "SECRET" }] }), '"created" of versions[0]'],
    [
      "a short public key",
      document({ sealing: { publicKey: "SECRET" } }),
      "the public key for sealing is not 32 bytes",
    ],
    ["sealing null", document({ sealing: null }), '"sealing" is not an object'],
  ])("refuses %s and says so", (_name, value, message) => {
    const error = thrownBy(() => parse(value));
    expect(error).toMatchObject({ code: "keys.invalid", message: expect.stringContaining(message) });
    expect(error.message).toMatch(/^keys\.json: /);
    expect(error.message).not.toContain("SECRET");
    expect(error.message).not.toContain(root(1));
  });

  test("refuses what is not JSON without quoting it", () => {
    const error = thrownBy(() => Keyring.parse(`{"root":"${root(1)}"`, "keys.json"));
    expect(error).toMatchObject({ code: "keys.invalid", message: "keys.json: is not JSON" });
    expect(error.cause).toBeUndefined();
  });
});

describe("a keyring prints as [secret]", () => {
  const keyring = Keyring.parse(createKeys(new Date(0)).keyring, "keys.json");
  test.each<[string, unknown]>([
    ["keyring", keyring],
    ["version", keyring.primary],
  ])("%s", (_name, secret) => {
    expect(JSON.stringify(secret)).toBe('"[secret]"');
    expect(String(secret)).toBe("[secret]");
    expect(inspect(secret, { depth: 9, showHidden: true })).toBe("[secret]");
  });
});

describe("equals", () => {
  test("looks at keys and states, not at the text", () => {
    const one = Keyring.parse(JSON.stringify(document()), "a");
    const spaced = Keyring.parse(JSON.stringify(document(), null, 8), "b");
    expect(one.equals(spaced)).toBe(true);
    expect(one.equals(parse(document({ versions: [version(1, "primary", 2)] })))).toBe(false);
    expect(one.equals(parse(document({ versions: [version(1, "pending")] })))).toBe(false);
    expect(one.equals(parse(document({ sealing: { publicKey: root(8) } })))).toBe(false);
    expect(one.equals(parse(document({ sealing: undefined })))).toBe(false);
  });
});

function thrownBy(action: () => unknown): PiipeError {
  try {
    action();
  } catch (error) {
    if (error instanceof PiipeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
