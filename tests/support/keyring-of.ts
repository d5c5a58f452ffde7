import { createHash } from "node:crypto";
import type { KeyState } from "../../src/keys/key-version.ts";
import { Keyring } from "../../src/keys/keyring.ts";

/** A keyring whose version n has always the same root, which is no secret. */
export function keyringOf(
  states: Readonly<Record<number, KeyState>>,
  /** Version → the version that it is over. */
  over: Readonly<Record<number, number>> = {},
  /** Keyrings of other owners have other roots. */
  owner = "root",
): Keyring {
  const versions = Object.entries(states).map(([number, state]) => ({
    version: Number(number),
    state,
    created: "2026-01-31T12:00:00.000Z",
    ...(over[Number(number)] === undefined ? {} : { over: over[Number(number)] }),
    ...(state === "destroyed" ? {} : { root: createHash("sha256").update(`${owner} ${number}`).digest("base64url") }),
  }));
  return Keyring.parse(JSON.stringify({ piipe: "keyring", format: 1, versions }), "a test's keyring");
}
