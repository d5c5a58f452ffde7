import { describe, expect, test } from "vitest";
import { PiipeError } from "../errors.ts";
import { addVersion, destroyVersion, promoteVersion, retireVersion } from "./edit-keyring.ts";
import type { KeyState } from "./key-version.ts";
import { Keyring } from "./keyring.ts";
import { createKeys } from "./new-keyring.ts";

const created = "2026-01-31T12:00:00.000Z";
const now = new Date("2026-02-28T12:00:00.000Z");

interface Entry {
  readonly version: number;
  readonly state: string;
  readonly over?: number;
}
/** `keyringOf("lookup", "primary")`: versions 1 and 2. */
function keyringOf(...states: (KeyState | readonly [KeyState, { readonly over: number }])[]): Keyring {
  const versions = states.map((given, index) => {
    const [state, more] = typeof given === "string" ? [given, {}] : given;
    const root = state === "destroyed" ? {} : { root: Buffer.alloc(32, index + 1).toString("base64url") };
    return { version: index + 1, state, created, ...more, ...root };
  });
  const sealing = { publicKey: Buffer.alloc(32, 99).toString("base64url") };
  return Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions, sealing }), "keyring");
}
const statesOf = ({ versions }: Keyring): string =>
  versions.map(({ version, state, over }) => `${version} ${state}${over === null ? "" : ` over ${over}`}`).join(", ");
const rootsOf = (keyring: Keyring): Map<number, string | undefined> =>
  new Map(
    (JSON.parse(keyring.serialize()) as { versions: (Entry & { root?: string })[] }).versions.map((entry) => [
      entry.version,
      entry.root,
    ]),
  );
const add = (keyring: Keyring, isOver = false): Keyring => addVersion(keyring, { isOver, now }).keyring;

describe("addVersion", () => {
  test("adds a pending version with a root of its own, and leaves everything else", () => {
    const before = keyringOf("lookup", "primary");
    const text = before.serialize();
    const { keyring, added } = addVersion(before, { isOver: false, now });
    expect(statesOf(keyring)).toBe("1 lookup, 2 primary, 3 pending");
    expect(added).toBe(keyring.find(3));
    expect(added.created).toBe(now.toISOString());
    expect(before.serialize()).toBe(text);
    expect(keyring.sealingPublicKey).toEqual(before.sealingPublicKey);
    const roots = rootsOf(keyring);
    expect(roots.get(1)).toBe(rootsOf(before).get(1));
    expect(roots.get(2)).toBe(rootsOf(before).get(2));
    expect(roots.get(3)).not.toBe(rootsOf(add(before)).get(3));
  });

  test("takes the number after the highest, even of a destroyed version", () => {
    expect(statesOf(add(keyringOf("primary", "destroyed")))).toBe("1 primary, 2 destroyed, 3 pending");
  });

  test("adds one over the primary version, whatever others there are", () => {
    expect(statesOf(add(keyringOf("linking", "primary", "pending"), true))).toBe(
      "1 linking, 2 primary, 3 pending, 4 pending over 2",
    );
  });

  test("refuses one over a primary version that is not there", () => {
    expect(thrownBy(() => add(keyringOf("pending"), true))).toMatchObject({
      code: "keys.conflict",
      message: "a version can only be over the primary one, and there is none: version 1 (pending)",
    });
  });

  test("refuses a number too many for tokens", () => {
    const versions = [{ version: 9_999, state: "destroyed", created }];
    const full = Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions }), "keyring");
    expect(thrownBy(() => add(full))).toMatchObject({
      code: "keys.conflict",
      message: expect.stringContaining("9999"),
    });
  });
});

describe("promoteVersion", () => {
  test("makes a pending version primary, and the old one linking", () => {
    const before = keyringOf("linking", "primary", "pending", "pending");
    const keyring = promoteVersion(before, 3);
    expect(statesOf(keyring)).toBe("1 linking, 2 linking, 3 primary, 4 pending");
    expect(rootsOf(keyring)).toEqual(rootsOf(before));
  });

  test("links nothing to a version that leaked", () => {
    expect(statesOf(promoteVersion(keyringOf("linking", "primary", ["pending", { over: 2 }]), 3))).toBe(
      "1 linking, 2 lookup, 3 primary over 2",
    );
  });

  test("makes the first primary version", () => {
    expect(statesOf(promoteVersion(keyringOf("pending"), 1))).toBe("1 primary");
  });

  test("refuses one over a version that is no longer primary, and says what to do", () => {
    const error = thrownBy(() => promoteVersion(keyringOf("linking", "primary", ["pending", { over: 1 }]), 3));
    expect(error).toMatchObject({
      code: "keys.conflict",
      message: expect.stringContaining("it is over version 1, which is no longer primary"),
      hint: expect.stringContaining("piipe keys destroy 3"),
    });
  });

  test.each([
    [1, "it is destroyed, and only a pending version may become primary"],
    [2, "it is lookup, and only a pending version may become primary"],
    [3, "it is linking, and only a pending version may become primary"],
    [4, "it is primary already"],
  ])("refuses version %i: %s", (version, why) => {
    const keyring = keyringOf("destroyed", "lookup", "linking", "primary");
    expect(thrownBy(() => promoteVersion(keyring, version))).toMatchObject({
      code: "keys.conflict",
      message: `key version ${version} cannot be promoted: ${why}`,
    });
  });
});

test("a version from before a leak is never promoted after it: its root may have leaked too", () => {
  const keyring = promoteVersion(keyringOf("primary", "pending", ["pending", { over: 1 }]), 3);
  expect(thrownBy(() => promoteVersion(keyring, 2))).toMatchObject({
    code: "keys.conflict",
    message: "key version 2 cannot be promoted: it is older than version 3, which took the place of a leaked one",
    hint: expect.stringContaining("piipe keys destroy 2"),
  });
});

describe("retireVersion", () => {
  test("ends the linking of a version", () => {
    expect(statesOf(retireVersion(keyringOf("linking", "linking", "primary"), 1))).toBe(
      "1 lookup, 2 linking, 3 primary",
    );
  });

  test.each([
    [1, "destroyed", "nothing left"],
    [2, "lookup", "retired already"],
    [3, "primary", "piipe keys promote"],
    [4, "pending", "piipe keys destroy"],
  ])("refuses version %i, which is %s", (version, state, hint) => {
    const keyring = keyringOf("destroyed", "lookup", "primary", "pending");
    expect(thrownBy(() => retireVersion(keyring, version))).toMatchObject({
      code: "keys.conflict",
      message: `key version ${version} cannot be retired: it is ${state}, and only a linking version can`,
      hint: expect.stringContaining(hint),
    });
  });
});

describe("destroyVersion", () => {
  test.each(["pending", "lookup"] as const)("removes the root of a %s version and keeps its entry", (state) => {
    const before = keyringOf(state, "primary");
    const keyring = destroyVersion(before, 1);
    expect(statesOf(keyring)).toBe("1 destroyed, 2 primary");
    const root = rootsOf(before).get(1);
    expect(root).toMatch(/^[\w-]{43}$/);
    expect(keyring.serialize()).not.toContain(root);
    expect(keyring.find(1)?.created).toBe(created);
  });

  test.each([
    [1, "destroyed", "destroyed already"],
    [2, "linking", "piipe keys retire"],
    [3, "primary", "Promote a newer version first"],
  ])("refuses version %i, which is %s", (version, state, hint) => {
    expect(thrownBy(() => destroyVersion(keyringOf("destroyed", "linking", "primary"), version))).toMatchObject({
      code: "keys.conflict",
      message: `key version ${version} cannot be destroyed: it is ${state}, and only a pending or a lookup version can`,
      hint: expect.stringContaining(hint),
    });
  });

  test("refuses one that another is over, until that one is destroyed too", () => {
    const keyring = keyringOf("lookup", ["lookup", { over: 1 }], "primary");
    expect(thrownBy(() => destroyVersion(keyring, 1))).toMatchObject({
      code: "keys.conflict",
      message: "key version 1 cannot be destroyed: version 2 (lookup) makes its tokens over those of version 1",
    });
    expect(statesOf(destroyVersion(destroyVersion(keyring, 2), 1))).toBe("1 destroyed, 2 destroyed over 1, 3 primary");
  });
});

test("what stored tokens were made anew with stays while older versions are linking", () => {
  const keyring = keyringOf("linking", "lookup", ["lookup", { over: 2 }], "primary");
  expect(thrownBy(() => destroyVersion(keyring, 3))).toMatchObject({
    code: "keys.conflict",
    message:
      "key version 3 cannot be destroyed: version 1 is linking, and its stored tokens were made anew under version 3",
    hint: expect.stringContaining("piipe keys retire 1"),
  });
  expect(statesOf(destroyVersion(retireVersion(keyring, 1), 3))).toBe(
    "1 lookup, 2 lookup, 3 destroyed over 2, 4 primary",
  );
});

test.each([
  ["promoteVersion", promoteVersion],
  ["retireVersion", retireVersion],
  ["destroyVersion", destroyVersion],
])("%s says which versions there are instead", (_name, edit) => {
  expect(thrownBy(() => edit(keyringOf("lookup", "primary"), 7))).toMatchObject({
    code: "usage.invalid",
    message: "there is no key version 7",
    hint: "The keyring has: version 1 (lookup), version 2 (primary).",
  });
});

test("a keyring from its making to the end of its first key", () => {
  const { keyring: text } = createKeys(now);
  let keyring = Keyring.parse(text, "keyring");
  keyring = promoteVersion(add(keyring), 2);
  keyring = retireVersion(keyring, 1);
  keyring = promoteVersion(add(keyring, true), 3);
  keyring = destroyVersion(keyring, 1);
  expect(statesOf(Keyring.parse(keyring.serialize(), "keyring"))).toBe("1 destroyed, 2 lookup, 3 primary over 2");
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
