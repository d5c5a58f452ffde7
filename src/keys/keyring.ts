import { Unprintable } from "../unprintable.ts";
import {
  allowOnly,
  asKeyBytes,
  asObject,
  checkFormat,
  checkKeyVersions,
  parseKeyJson,
  parseKeyVersions,
  printKeyJson,
} from "./key-json.ts";
import type { KeyVersion } from "./key-version.ts";

/**
 * The secret keys of a pipeline: a parsed keyring file. Prints as `[secret]`, whole and in parts.
 *
 * ```json
 * { "piipe": "keyring", "format": 1,
 *   "versions": [{ "version": 1, "state": "primary", "created": "2026-01-31T12:00:00.000Z", "root": "…" }],
 *   "sealing": { "publicKey": "…" } }
 * ```
 *
 * Keys are 32 bytes in base64url without padding. A version may name an older one as `over`: its tokens are then made over
 * the tokens of that one. A destroyed version has no root. `sealing` may be left out: then nothing can be sealed, and
 * refused messages are left in the queue.
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
    return new Keyring(parseKeyVersions(document["versions"], where), parseSealing(document["sealing"], where));
  }

  /** A keyring of new keys. */
  static of(versions: readonly KeyVersion[], sealingPublicKey: Uint8Array | null): Keyring {
    checkKeyVersions(versions, "the new keyring");
    return new Keyring(versions, sealingPublicKey);
  }

  /** The version that makes the tokens, or null while every version is pending, retired or destroyed. */
  get primary(): KeyVersion | null {
    return this.versions.find(({ state }) => state === "primary") ?? null;
  }

  /** The versions whose tokens may be in the table: the primary one first, then from new to old. */
  get live(): readonly KeyVersion[] {
    return this.versions
      .filter(({ isLive }) => isLive)
      .toSorted((a, b) => Number(b.state === "primary") - Number(a.state === "primary") || b.version - a.version);
  }

  /**
   * The versions by which `piipe keys rewrap` makes the stored tokens of a version anew, the oldest first: those over a
   * leaked one that came after it. Whoever has a leaked key has the older ones too, as one file holds them.
   */
  rewrapsOf(version: number): readonly KeyVersion[] {
    return this.versions
      .filter((later) => later.over !== null && later.isLive && later.version > version)
      .toSorted((a, b) => a.version - b.version);
  }

  find(version: number): KeyVersion | null {
    return this.versions.find((known) => known.version === version) ?? null;
  }

  /** The raw X25519 public key to which refused events are sealed, or null when there is none. */
  get sealingPublicKey(): Uint8Array | null {
    return this.#sealingPublicKey;
  }

  withVersions(versions: readonly KeyVersion[]): Keyring {
    return Keyring.of(versions, this.#sealingPublicKey);
  }

  /** The text that `parse` reads, for a keyring file. Holds the keys: it must go nowhere else. */
  serialize(): string {
    const publicKey = this.#sealingPublicKey;
    return printKeyJson({
      piipe: "keyring",
      format: 1,
      versions: this.versions.map((version) => version.toFields()),
      ...(publicKey === null ? {} : { sealing: { publicKey: Buffer.from(publicKey).toString("base64url") } }),
    });
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
        if (theirs === undefined || theirs.state !== mine.state || theirs.over !== mine.over) return false;
        return mine.state === "destroyed" || mine.hasSameRoot(theirs);
      })
    );
  }
}

function parseSealing(value: unknown, where: string): Uint8Array | null {
  if (value === undefined) return null;
  const object = asObject(value, where, `"sealing"`);
  allowOnly(object, ["publicKey"], where, `"sealing"`);
  return asKeyBytes(object["publicKey"], where, "the public key for sealing");
}
