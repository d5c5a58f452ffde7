/** The changes that a keyring goes through in its life. Each gives a new keyring and leaves the old one as it is. */
import { PiipeError } from "../errors.ts";
import { KEY_VERSION_MAX, type KeyState, type KeyVersion } from "./key-version.ts";
import type { Keyring } from "./keyring.ts";
import { createKeyVersion } from "./new-keyring.ts";

export interface NewVersionOptions {
  /** Whether its tokens are made over those of the primary version, whose root has leaked. */
  readonly isOver: boolean;
  readonly now: Date;
}

export interface AddedVersion {
  readonly keyring: Keyring;
  readonly added: KeyVersion;
}

/**
 * With a pending version, whose root is new. No number is ever used again: it is part of every token.
 * @throws PiipeError `keys.conflict`
 */
export function addVersion(keyring: Keyring, { isOver, now }: NewVersionOptions): AddedVersion {
  const version = Math.max(...keyring.versions.map((known) => known.version)) + 1;
  if (version > KEY_VERSION_MAX) {
    throw conflict(`a keyring has at most ${KEY_VERSION_MAX} versions`, "Keep the versions that there are.");
  }
  const { primary } = keyring;
  if (isOver && primary === null) {
    throw conflict(
      `a version can only be over the primary one, and there is none: ${listVersions(keyring)}`,
      "Add a version without --over, or promote a pending one first.",
    );
  }
  const over = isOver ? (primary?.version ?? null) : null;
  const added = createKeyVersion({ version, state: "pending", over, now });
  return { keyring: keyring.withVersions([...keyring.versions, added]), added };
}

/**
 * Makes a pending version the primary one. The old primary version is then linking, or lookup when the new one is over it:
 * a link would lead whoever has the leaked root to the new tokens.
 *
 * @throws PiipeError `keys.conflict`; `usage.invalid` when there is no such version
 */
export function promoteVersion(keyring: Keyring, version: number): Keyring {
  const promoted = requireVersion(keyring, version);
  if (promoted.state !== "pending") {
    const why =
      promoted.state === "primary"
        ? "it is primary already"
        : `it is ${promoted.state}, and only a pending version may become primary`;
    throw conflict(`key version ${version} cannot be promoted: ${why}`, "Add a new version with `piipe keys add`.");
  }
  const { primary } = keyring;
  const { over } = promoted;
  if (over !== null && over !== primary?.version) {
    throw conflict(
      `key version ${version} cannot be promoted: it is over version ${over}, which is no longer primary: ${listVersions(keyring)}`,
      `Destroy it with \`piipe keys destroy ${version}\`, and add one over the version that is primary now with \`piipe keys add --over\`.`,
    );
  }
  const replacement = keyring.rewrapsOf(version)[0];
  if (replacement !== undefined) {
    throw conflict(
      `key version ${version} cannot be promoted: it is older than version ${replacement.version}, which took the place of a leaked one`,
      `Destroy it with \`piipe keys destroy ${version}\`, as its root may have leaked too, and add a new one with \`piipe keys add\`.`,
    );
  }
  return withStates(keyring, (known) => {
    if (known.version === version) return "primary";
    if (known === primary) return over === null ? "linking" : "lookup";
    return known.state;
  });
}

/**
 * Ends the linking of a version: it then only finds old rows.
 * @throws PiipeError `keys.conflict`; `usage.invalid` when there is no such version
 */
export function retireVersion(keyring: Keyring, version: number): Keyring {
  const { state } = requireVersion(keyring, version);
  if (state !== "linking") {
    throw conflict(
      `key version ${version} cannot be retired: it is ${state}, and only a linking version can`,
      RETIRE_HINTS[state],
    );
  }
  return withStates(keyring, (known) => (known.version === version ? "lookup" : known.state));
}

const RETIRE_HINTS: Readonly<Record<Exclude<KeyState, "linking">, string>> = {
  pending: "It was never in use: `piipe keys destroy` removes it.",
  primary: "Promote a newer version first: `piipe keys add`, then `piipe keys promote`.",
  lookup: "It is retired already.",
  destroyed: "Its root is gone; there is nothing left to do.",
};

/**
 * Removes a version's root for ever, and keeps its entry: its number stays taken.
 * @throws PiipeError `keys.conflict`; `usage.invalid` when there is no such version
 */
export function destroyVersion(keyring: Keyring, version: number): Keyring {
  const { state } = requireVersion(keyring, version);
  if (state !== "pending" && state !== "lookup") {
    throw conflict(
      `key version ${version} cannot be destroyed: it is ${state}, and only a pending or a lookup version can`,
      DESTROY_HINTS[state],
    );
  }
  const needing = keyring.versions.find((known) => known.over === version && known.state !== "destroyed");
  if (needing !== undefined) {
    throw conflict(
      `key version ${version} cannot be destroyed: version ${needing.version} (${needing.state}) makes its tokens over those of version ${version}`,
      `Keep it as long as version ${needing.version} is there.`,
    );
  }
  const linking = keyring.versions.find(
    (known) => known.state === "linking" && keyring.rewrapsOf(known.version).some((by) => by.version === version),
  );
  if (linking !== undefined) {
    throw conflict(
      `key version ${version} cannot be destroyed: version ${linking.version} is linking, and its stored tokens were made anew under version ${version}`,
      `Retire version ${linking.version} first with \`piipe keys retire ${linking.version}\`.`,
    );
  }
  return withStates(keyring, (known) => (known.version === version ? "destroyed" : known.state));
}

const DESTROY_HINTS: Readonly<Record<Exclude<KeyState, "pending" | "lookup">, string>> = {
  primary: "It makes the tokens. Promote a newer version first, and retire this one with `piipe keys retire`.",
  linking: "New events are still linked to its tokens. Retire it first with `piipe keys retire`.",
  destroyed: "It is destroyed already.",
};

const withStates = (keyring: Keyring, stateOf: (version: KeyVersion) => KeyState): Keyring =>
  keyring.withVersions(keyring.versions.map((version) => version.withState(stateOf(version))));

function requireVersion(keyring: Keyring, version: number): KeyVersion {
  const found = keyring.find(version);
  if (found !== null) return found;
  throw new PiipeError("usage.invalid", `there is no key version ${version}`, {
    hint: `The keyring has: ${listVersions(keyring)}.`,
  });
}

const listVersions = (keyring: Keyring): string =>
  keyring.versions
    .toSorted((a, b) => a.version - b.version)
    .map(({ version, state }) => `version ${version} (${state})`)
    .join(", ");

const conflict = (message: string, hint: string): PiipeError => new PiipeError("keys.conflict", message, { hint });
