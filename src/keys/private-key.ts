import { type KeyObject, createPrivateKey, createPublicKey } from "node:crypto";
import { Unprintable } from "../unprintable.ts";
import { allowOnly, asInstant, asKeyBytes, checkFormat, invalidKeys, parseKeyJson } from "./key-json.ts";

/**
 * The key that opens sealed data: a parsed private file. The running pipeline never has it. Prints as `[secret]`.
 *
 * ```json
 * { "piipe": "private-key", "format": 1, "created": "2026-01-31T12:00:00.000Z", "publicKey": "…", "privateKey": "…" }
 * ```
 */
export class PrivateKey extends Unprintable {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #key: KeyObject;

  private constructor(publicKey: Uint8Array, key: KeyObject) {
    super();
    this.publicKey = publicKey;
    this.#key = key;
  }

  /**
   * @param where names the text in errors, such as a file's path
   * @throws PiipeError `keys.invalid`; never quotes the text
   */
  static parse(text: string, where: string): PrivateKey {
    const document = parseKeyJson(text, where);
    checkFormat(document, "private-key", where);
    allowOnly(document, ["piipe", "format", "created", "publicKey", "privateKey"], where, "the document");
    asInstant(document["created"], where, `"created"`);
    const publicKey = asKeyBytes(document["publicKey"], where, "the public key");
    const privateKey = asKeyBytes(document["privateKey"], where, "the private key");
    return new PrivateKey(publicKey, pairOf(privateKey, publicKey, where));
  }

  /** For node:crypto. Never print it: it exports the key. */
  get key(): KeyObject {
    return this.#key;
  }
}

/** OpenSSL derives the public half itself: a file whose halves differ would open nothing that was sealed to it. */
function pairOf(privateKey: Uint8Array, publicKey: Uint8Array, where: string): KeyObject {
  const key = privateKeyOf(privateKey, publicKey);
  if (Buffer.compare(rawPublicKey(key), publicKey) !== 0) {
    throw invalidKeys(where, "the public key and the private key are not of one pair");
  }
  return key;
}

/** A raw public key as node:crypto takes it: only the JSON form (RFC 8037) carries raw keys. */
export const publicKeyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "X25519", x: toBase64Url(raw) } });

const privateKeyOf = (rawPrivate: Uint8Array, rawPublic: Uint8Array): KeyObject =>
  createPrivateKey({
    format: "jwk",
    key: { kty: "OKP", crv: "X25519", x: toBase64Url(rawPublic), d: toBase64Url(rawPrivate) },
  });

/** The 32 raw bytes of a public key, or of a private key's public half. */
export function rawPublicKey(key: KeyObject): Buffer {
  const { x } = key.export({ format: "jwk" });
  if (x === undefined) throw new TypeError("not an X25519 key");
  return Buffer.from(x, "base64url");
}

export function rawPrivateKey(key: KeyObject): Buffer {
  const { d } = key.export({ format: "jwk" });
  if (d === undefined) throw new TypeError("not an X25519 private key");
  return Buffer.from(d, "base64url");
}

const toBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
