import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** A raw public key as node:crypto takes it: only the JSON form (RFC 8037) carries raw keys. */
export const publicKeyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "X25519", x: toBase64Url(raw) } });

export const privateKeyOf = (rawPrivate: Uint8Array, rawPublic: Uint8Array): KeyObject =>
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
