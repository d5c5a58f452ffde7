import { generateKeyPairSync, randomBytes } from "node:crypto";
import { KEY_BYTES, printKeyJson } from "./key-json.ts";
import { type KeyState, KeyVersion } from "./key-version.ts";
import { Keyring } from "./keyring.ts";
import { rawPrivateKey, rawPublicKey } from "./x25519.ts";

/** Two texts to be kept apart: the pipeline needs the first, only `piipe reveal` and the like need the second. */
export interface NewKeys {
  /** The keyring: one primary version, and the public key for sealing. */
  readonly keyring: string;
  /** The private file that opens sealed data. */
  readonly privateKey: string;
}

/** Makes new keys from the operating system's random source. Nothing is written. */
export function createKeys(now: Date): NewKeys {
  const pair = generateKeyPairSync("x25519");
  const publicKey = rawPublicKey(pair.publicKey);
  return {
    keyring: Keyring.of([createKeyVersion({ version: 1, state: "primary", over: null, now })], publicKey).serialize(),
    privateKey: printKeyJson({
      piipe: "private-key",
      format: 1,
      created: now.toISOString(),
      publicKey: publicKey.toString("base64url"),
      privateKey: rawPrivateKey(pair.privateKey).toString("base64url"),
    }),
  };
}

/** A key version with a new root. */
export function createKeyVersion(options: {
  readonly version: number;
  readonly state: KeyState;
  readonly over: number | null;
  readonly now: Date;
}): KeyVersion {
  const { version, state, over, now } = options;
  return new KeyVersion({ version, state, over, created: now.toISOString(), root: randomBytes(KEY_BYTES) });
}
