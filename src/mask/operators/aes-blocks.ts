import { createCipheriv, createDecipheriv } from "node:crypto";

export const AES_BLOCK_BYTES = 16;

/** Gives a block of output for each block of 16 bytes that goes in. */
export type AesBlocks = (blocks: Uint8Array) => Buffer;

/**
 * AES (FIPS 197) of each block on its own, for modes that are built of blocks. The cipher is made once, as making it costs
 * three times as much as a block; it can be kept, as ECB without padding carries nothing over from one block to the next.
 */
export function aesEncrypt(key: Uint8Array): AesBlocks {
  const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  return (blocks) => cipher.update(blocks);
}

/** The inverse of `aesEncrypt`. */
export function aesDecrypt(key: Uint8Array): AesBlocks {
  const decipher = createDecipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  return (blocks) => decipher.update(blocks);
}
