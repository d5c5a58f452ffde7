import { generateKeyPairSync, randomBytes } from "node:crypto";
import { KEY_BYTES } from "./key-json.ts";
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
  const created = now.toISOString();
  const pair = generateKeyPairSync("x25519");
  const publicKey = rawPublicKey(pair.publicKey).toString("base64url");
  const privateKey = rawPrivateKey(pair.privateKey).toString("base64url");
  const root = randomBytes(KEY_BYTES).toString("base64url");
  return {
    keyring: toText({
      piipe: "keyring",
      format: 1,
      versions: [{ version: 1, state: "primary", created, root }],
      sealing: { publicKey },
    }),
    privateKey: toText({ piipe: "private-key", format: 1, created, publicKey, privateKey }),
  };
}

const toText = (document: object): string => `${JSON.stringify(document, null, 2)}\n`;
