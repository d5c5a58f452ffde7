import { createHmac, hash } from "node:crypto";

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Texts with more bytes than this take the general way. */
const TEXT_BYTES_MAX = 512;
/** UTF-8 needs at most 3 bytes for one UTF-16 unit. */
const UNITS_MAX = Math.floor(TEXT_BYTES_MAX / 3);

/**
 * HMAC-SHA-256 (RFC 2104) of UTF-8 text, by default in base64url without padding. As two one-shot hashes over prepared
 * buffers: half the cost of `createHmac`, which allocates a native object each time. A text that might not fit is never
 * cut, as that would make tokens collide: it takes `createHmac`.
 */
export function hmacSha256(key: Uint8Array, encoding: "base64url" | "hex" = "base64url"): (text: string) => string {
  const blockKey = key.length > BLOCK_BYTES ? hashedKey(key) : key;
  const inner = paddedBuffer(blockKey, 0x36, TEXT_BYTES_MAX);
  const outer = paddedBuffer(blockKey, 0x5c, DIGEST_BYTES);
  // A view is needed for each length, and making one costs as much as a third of a hash.
  const views: (Buffer | undefined)[] = [];
  return (text) => {
    if (text.length > UNITS_MAX) return createHmac("sha256", key).update(text, "utf8").digest(encoding);
    const bytes = inner.write(text, BLOCK_BYTES, "utf8");
    const view = (views[bytes] ??= inner.subarray(0, BLOCK_BYTES + bytes));
    outer.write(hash("sha256", view, "binary"), BLOCK_BYTES, "latin1");
    return hash("sha256", outer, encoding);
  };
}

function paddedBuffer(blockKey: Uint8Array, pad: number, roomBytes: number): Buffer {
  const buffer = Buffer.alloc(BLOCK_BYTES + roomBytes);
  buffer.set(blockKey, 0);
  for (let at = 0; at < BLOCK_BYTES; at += 1) buffer[at] = (buffer[at] ?? 0) ^ pad;
  return buffer;
}

/** RFC 2104 section 2: a key longer than a block is hashed first. */
const hashedKey = (key: Uint8Array): Buffer => hash("sha256", key, "buffer");
