import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHash,
  diffieHellman,
  generateKeyPairSync,
} from "node:crypto";
import { PiipeError } from "../errors.ts";
import type { Seal } from "../pipeline/contracts.ts";
import { hkdfSha256 } from "./derive-key.ts";
import { type PrivateKey, publicKeyOf, rawPublicKey } from "./private-key.ts";

/*
 * Sealed bytes, format 2:
 *
 *   offset  bytes
 *        0      1  format: 2
 *        1      8  key id: the first 8 bytes of SHA-256(recipient's public key)
 *        9     32  ephemeral public key
 *       41     12  nonce
 *       53      n  ciphertext
 *     53+n     16  tag
 *
 * Everything before the ciphertext, the source and what in it the text belongs to are associated data: no part of them can
 * be exchanged unnoticed, and no body can be put in the place of another. Format 1 has the same bytes and knew no source.
 */
const FORMAT = 2;
const FORMAT_WITHOUT_SOURCE = 1;
const KEY_ID_OFFSET = 1;
const EPHEMERAL_OFFSET = 9;
const NONCE_OFFSET = 41;
const HEADER_BYTES = 53;
const TAG_BYTES = 16;

const CIPHER = "aes-256-gcm";
const INFO = Buffer.from("piipe/v1/seal");
const CIPHER_KEY_BYTES = 32;

/**
 * Texts sealed with one ephemeral key. A key exchange costs some 100 µs, which a flood of bad events should not pay for
 * each; the nonce counts within one key, far below the 2^32 calls of NIST SP 800-38D section 8.3.
 */
const TEXTS_PER_EPHEMERAL_KEY = 256;

interface Epoch {
  readonly publicKey: Buffer;
  readonly key: Buffer;
  sealed: number;
}

/**
 * Encrypts texts to a public key: X25519 (RFC 7748) with an ephemeral key, HKDF-SHA-256 (RFC 5869), AES-256-GCM (NIST SP
 * 800-38D). The public key opens nothing; only the key of the last texts stays in memory, until their number is reached. A
 * lone surrogate becomes U+FFFD, as in all of UTF-8.
 *
 * @param publicKey 32 raw bytes
 * @throws PiipeError `keys.invalid` at once, when the public key is one that no exchange may use
 */
export function createSeal(publicKey: Uint8Array): Seal {
  const recipient = publicKeyOf(publicKey);
  const keyId = sealingKeyId(publicKey);
  let epoch = newEpoch(recipient, publicKey);
  return (text, boundTo, source) => {
    if (epoch.sealed === TEXTS_PER_EPHEMERAL_KEY) epoch = newEpoch(recipient, publicKey);
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = FORMAT;
    header.set(keyId, KEY_ID_OFFSET);
    header.set(epoch.publicKey, EPHEMERAL_OFFSET);
    header.writeUInt32BE(epoch.sealed, HEADER_BYTES - 4);
    epoch.sealed += 1;
    const cipher = createCipheriv(CIPHER, epoch.key, header.subarray(NONCE_OFFSET));
    cipher.setAAD(associatedData(header, boundTo, source));
    const ciphertext = cipher.update(text, "utf8");
    return Buffer.concat([header, ciphertext, cipher.final(), cipher.getAuthTag()]);
  };
}

/**
 * The text that was sealed.
 *
 * @throws PiipeError `keys.invalid` when it was sealed to another key, is of another format, or was changed
 */
export function openSealed(privateKey: PrivateKey, sealed: Uint8Array, boundTo: string, source: string | null): string {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const format = bytes[0];
  if (bytes.length < HEADER_BYTES + TAG_BYTES || (format !== FORMAT && format !== FORMAT_WITHOUT_SOURCE)) {
    throw cannotOpen("they are not in a format that this piipe reads");
  }
  if (!bytes.subarray(KEY_ID_OFFSET, EPHEMERAL_OFFSET).equals(sealingKeyId(privateKey.publicKey))) {
    throw cannotOpen("they were sealed to another key");
  }
  const header = bytes.subarray(0, HEADER_BYTES);
  const ephemeral = header.subarray(EPHEMERAL_OFFSET, NONCE_OFFSET);
  try {
    const shared = diffieHellman({ privateKey: privateKey.key, publicKey: publicKeyOf(ephemeral) });
    const key = sealingKey(shared, ephemeral, privateKey.publicKey);
    const decipher = createDecipheriv(CIPHER, key, header.subarray(NONCE_OFFSET), { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(header, boundTo, source));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    // Nothing is decoded before the tag is checked, which `final` does.
    const opened = [decipher.update(bytes.subarray(HEADER_BYTES, -TAG_BYTES)), decipher.final()];
    return Buffer.concat(opened).toString("utf8");
  } catch (cause) {
    throw cannotOpen("they were changed after sealing, or belong to another message or queue", cause);
  }
}

/** The source's length before it: none can end where another begins. */
function associatedData(header: Uint8Array, boundTo: string, source: string | null): Buffer {
  if (header[0] === FORMAT_WITHOUT_SOURCE) return Buffer.concat([header, Buffer.from(boundTo)]);
  const name = Buffer.from(source ?? "");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([header, length, name, Buffer.from(boundTo)]);
}

function newEpoch(recipient: KeyObject, rawRecipient: Uint8Array): Epoch {
  const ephemeral = generateKeyPairSync("x25519");
  const publicKey = rawPublicKey(ephemeral.publicKey);
  let shared: Buffer;
  try {
    shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient });
  } catch (cause) {
    // OpenSSL refuses an all-zero result (RFC 7748 section 6.1), which a point of small order gives.
    throw new PiipeError("keys.invalid", "the public key for sealing is none that data may be sealed to", {
      hint: "Restore the keyring, or make a new one with `piipe keys new`.",
      cause,
    });
  }
  return { publicKey, key: sealingKey(shared, publicKey, rawRecipient), sealed: 0 };
}

/** Both public keys are the salt: the key then belongs to this exchange and this recipient only. */
function sealingKey(shared: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Buffer {
  const salt = Buffer.concat([ephemeral, recipient]);
  return hkdfSha256({ ikm: shared, salt, info: INFO, bytes: CIPHER_KEY_BYTES });
}

/** Names a public key, and with it the private file that opens what is sealed to it: 8 bytes, no secret. */
export const sealingKeyId = (publicKey: Uint8Array): Buffer =>
  createHash("sha256")
    .update(publicKey)
    .digest()
    .subarray(0, EPHEMERAL_OFFSET - KEY_ID_OFFSET);

const cannotOpen = (why: string, cause?: unknown): PiipeError =>
  new PiipeError("keys.invalid", `the sealed bytes cannot be opened: ${why}`, {
    hint: "Use the private file that `piipe keys new` wrote together with the keyring of that time.",
    cause,
  });
