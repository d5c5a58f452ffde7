import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { PiipeError } from "../errors.ts";
import { Keyring } from "./keyring.ts";
import { createKeys } from "./new-keyring.ts";

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

  test("reads versions over others, which are lookup once the later one is in use", () => {
    const keyring = parse(
      document({
        versions: [
          { version: 1, state: "destroyed", created },
          version(2, "lookup"),
          { ...version(3, "lookup"), over: 2 },
          { ...version(4, "primary"), over: 3 },
          { ...version(5, "pending"), over: 4 },
          { version: 6, state: "destroyed", created, over: 1 },
        ],
      }),
    );
    expect(keyring.versions.map(({ over }) => over)).toEqual([null, null, 2, 3, 4, 1]);
  });

  test("reads names that are spelt with escapes", () => {
    const text = JSON.stringify(document(), null, 2).replace('"piipe"', '"\\u0070iipe"');
    expect(Keyring.parse(text, "keys.json").primary?.version).toBe(1);
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
    ["a private file", document({ piipe: "private-key" }), "this is the private file, and the keyring is wanted"],
    ["another kind", document({ piipe: "key" }), '"piipe" is not "keyring"'],
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
      "a primary version from before a leak that is over",
      document({ versions: [version(1, "lookup"), version(2, "primary"), { ...version(3, "linking"), over: 1 }] }),
      "version 2 is primary, and older than version 3, which took the place of a leaked one",
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
    ["over null", document({ versions: [{ ...version(1, "primary"), over: null }] }), '"over" of versions[0] is not'],
    ["over a text", document({ versions: [{ ...version(2, "primary"), over: "1" }] }), '"over" of versions[0] is not'],
    ["over itself", document({ versions: [{ ...version(2, "primary"), over: 2 }] }), '"over" of versions[0] is not'],
    [
      "over a newer version",
      document({ versions: [{ ...version(1, "primary"), over: 2 }, version(2, "lookup")] }),
      '"over" of versions[0] is not the number of an older version',
    ],
    [
      "over a missing version",
      document({ versions: [{ ...version(2, "primary"), over: 1 }] }),
      "version 2 is over version 1, which is not there",
    ],
    [
      "over a pending version",
      document({ versions: [version(1, "pending"), { ...version(2, "pending"), over: 1 }] }),
      "version 2 is over version 1, which is pending",
    ],
    [
      "over a destroyed version",
      document({
        versions: [
          { version: 1, state: "destroyed", created },
          { ...version(2, "primary"), over: 1 },
        ],
      }),
      "version 2 is over version 1, which is destroyed",
    ],
    [
      "a version in use over one that still links",
      document({ versions: [version(1, "linking"), { ...version(2, "primary"), over: 1 }] }),
      "version 2 is primary, and version 1, which it is over, is not yet lookup",
    ],
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

  test.each([
    ["at the top", '{"piipe":"keyring",'],
    ["spelt differently", '{"\\u0070iipe":"keyring",'],
  ])("refuses a property that is there twice: %s", (_name, start) => {
    const text = JSON.stringify(document()).replace("{", start);
    expect(thrownBy(() => Keyring.parse(text, "keys.json"))).toMatchObject({
      code: "keys.invalid",
      message: "keys.json: an object has the same property twice",
    });
  });

  test("refuses a version with two roots", () => {
    const text = JSON.stringify(document()).replace('"root"', `"root":"${root(2)}","root"`);
    const error = thrownBy(() => Keyring.parse(text, "keys.json"));
    expect(error.message).toBe("keys.json: an object has the same property twice");
  });

  test("refuses what is nested far too deeply without running out of stack", () => {
    const text = `{"piipe":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    expect(thrownBy(() => Keyring.parse(text, "keys.json")).code).toBe("keys.invalid");
  });
});

describe("serialize", () => {
  test("gives the very text that new keys are written in, and that parse reads", () => {
    const { keyring: text } = createKeys(new Date(0));
    expect(text).toMatch(
      /^\{\n {2}"piipe": "keyring",\n {2}"format": 1,\n {2}"versions": \[\n {4}\{\n {6}"version": 1,/,
    );
    expect(Keyring.parse(text, "keys.json").serialize()).toBe(text);
  });

  test("keeps what only some keyrings have, and leaves out what they have not", () => {
    const value = document({
      versions: [
        { version: 1, state: "destroyed", created },
        version(2, "lookup"),
        { version: 3, state: "primary", created, over: 2, root: root(3) },
      ],
    });
    expect(parse(value).serialize()).toBe(`${JSON.stringify(value, null, 2)}\n`);
    const { sealing: _, ...withoutSealing } = document();
    expect(parse(withoutSealing).serialize()).toBe(`${JSON.stringify(withoutSealing, null, 2)}\n`);
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
    const chain = (over: object): Keyring =>
      parse(document({ versions: [version(1, "lookup"), { ...version(2, "primary"), ...over }] }));
    expect(chain({ over: 1 }).equals(chain({ over: 1 }))).toBe(true);
    expect(chain({ over: 1 }).equals(chain({}))).toBe(false);
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
