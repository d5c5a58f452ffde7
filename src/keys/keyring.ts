import {
  allowOnly,
  asInstant,
  asKeyBytes,
  asObject,
  checkFormat,
  invalidKeys,
  parseKeyJson,
  type KeyObjectJson,
} from "./key-json.ts";
import { KEY_STATES, KeyVersion, type KeyState } from "./key-version.ts";
import { Unprintable } from "../unprintable.ts";

/** The number is part of every token, whose length is checked against the table. */
const VERSION_MAX = 9_999;

/**
 * The secret keys of a pipeline: a parsed keyring file. Prints as `[secret]`, whole and in parts.
 *
 * ```json
 * { "piipe": "keyring", "format": 1,
 *   "versions": [{ "version": 1, "state": "primary", "created": "2026-01-31T12:00:00.000Z", "root": "…" }],
 *   "sealing": { "publicKey": "…" } }
 * ```
 *
 * Keys are 32 bytes in base64url without padding. `sealing` may be left out: then nothing can be sealed, and refused
 * messages are left in the queue.
 */
export class Keyring extends Unprintable {
  readonly versions: readonly KeyVersion[];
  readonly #sealingPublicKey: Uint8Array | null;

  private constructor(versions: readonly KeyVersion[], sealingPublicKey: Uint8Array | null) {
    super();
    this.versions = versions;
    this.#sealingPublicKey = sealingPublicKey;
  }

  /**
   * Reads a keyring strictly: what is not understood is refused, as a key that is misread gives tokens that match nothing.
   *
   * @param where names the text in errors, such as a file's path
   * @throws PiipeError `keys.invalid`; never quotes the text
   */
  static parse(text: string, where: string): Keyring {
    const document = parseKeyJson(text, where);
    checkFormat(document, "keyring", where);
    allowOnly(document, ["piipe", "format", "versions", "sealing"], where, "the document");
    return new Keyring(parseVersions(document["versions"], where), parseSealing(document["sealing"], where));
  }

  /** The version that makes the tokens, or null while every version is pending, retired or destroyed. */
  get primary(): KeyVersion | null {
    return this.versions.find(({ state }) => state === "primary") ?? null;
  }

  /** The raw X25519 public key to which refused events are sealed, or null when there is none. */
  get sealingPublicKey(): Uint8Array | null {
    return this.#sealingPublicKey;
  }

  /** Whether both hold the same keys in the same states, whatever their texts look like. */
  equals(other: Keyring): boolean {
    const sealing = this.#sealingPublicKey;
    const otherSealing = other.#sealingPublicKey;
    const sameSealing =
      sealing === null || otherSealing === null
        ? sealing === otherSealing
        : Buffer.compare(sealing, otherSealing) === 0;
    return (
      sameSealing &&
      this.versions.length === other.versions.length &&
      this.versions.every((mine) => {
        const theirs = other.versions.find(({ version }) => version === mine.version);
        if (theirs === undefined || theirs.state !== mine.state) return false;
        return mine.state === "destroyed" || mine.hasSameRoot(theirs);
      })
    );
  }
}

function parseVersions(value: unknown, where: string): readonly KeyVersion[] {
  if (!Array.isArray(value) || value.length === 0) throw invalidKeys(where, `"versions" is not a list of key versions`);
  const versions = value.map((item: unknown, index) => parseVersion(item, where, `versions[${index}]`));
  versions.forEach((later, index) => {
    for (const earlier of versions.slice(0, index)) {
      if (earlier.version === later.version) throw invalidKeys(where, `version ${later.version} is there twice`);
      if (earlier.hasSameRoot(later)) {
        throw invalidKeys(where, `versions ${earlier.version} and ${later.version} have the same root`);
      }
      if (earlier.state === "primary" && later.state === "primary") {
        throw invalidKeys(where, `versions ${earlier.version} and ${later.version} are both primary`);
      }
    }
  });
  return versions;
}

function parseVersion(value: unknown, where: string, what: string): KeyVersion {
  const object = asObject(value, where, what);
  allowOnly(object, ["version", "state", "created", "root"], where, what);
  const version = object["version"];
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1 || version > VERSION_MAX) {
    throw invalidKeys(where, `the version of ${what} is not a whole number from 1 to ${VERSION_MAX}`);
  }
  const state = parseState(object["state"], where, what);
  const created = asInstant(object["created"], where, `"created" of ${what}`);
  return new KeyVersion({ version, state, created, root: parseRoot(object, state, where, what) });
}

function parseState(value: unknown, where: string, what: string): KeyState {
  const state = KEY_STATES.find((known) => known === value);
  if (state === undefined) throw invalidKeys(where, `the state of ${what} is not one of ${KEY_STATES.join(", ")}`);
  return state;
}

function parseRoot(object: KeyObjectJson, state: KeyState, where: string, what: string): Uint8Array | null {
  if (state !== "destroyed") return asKeyBytes(object["root"], where, `the root of ${what}`);
  if (Object.hasOwn(object, "root")) throw invalidKeys(where, `${what} is destroyed and yet has a root`);
  return null;
}

function parseSealing(value: unknown, where: string): Uint8Array | null {
  if (value === undefined) return null;
  const object = asObject(value, where, `"sealing"`);
  allowOnly(object, ["publicKey"], where, `"sealing"`);
  return asKeyBytes(object["publicKey"], where, "the public key for sealing");
}
