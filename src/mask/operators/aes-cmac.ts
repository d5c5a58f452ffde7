import { createCipheriv } from "node:crypto";
import { AES_BLOCK_BYTES, aesEncrypt } from "./aes-blocks.ts";

/** AES-CMAC (RFC 4493), opened up so that a message can be prepared in place. */
export interface AesCmac {
  /** Joined to the last block of a message that ends with a whole block. */
  readonly wholeSubkey: Uint8Array;
  /** Joined to the last block of a message that had to be padded. */
  readonly paddedSubkey: Uint8Array;
  /** The MAC of a message. */
  macOf(message: Uint8Array): Buffer;
  /** The MAC of one block or more to whose last a subkey was joined. Changes the first of them. */
  macOfPrepared(blocks: Buffer): Buffer;
}

export function createAesCmac(key: Uint8Array): AesCmac {
  // RFC 4493 section 2.3.
  const wholeSubkey = doubled(aesEncrypt(key)(Buffer.alloc(AES_BLOCK_BYTES)));
  const paddedSubkey = doubled(wholeSubkey);
  const macOfPrepared = createCbcMac(key);
  return {
    wholeSubkey,
    paddedSubkey,
    macOf(message) {
      const blocks = inBlocks(message);
      const isWhole = blocks.length === message.length;
      xorInto(blocks, isWhole ? wholeSubkey : paddedSubkey, blocks.length - AES_BLOCK_BYTES);
      return macOfPrepared(blocks);
    },
    macOfPrepared,
  };
}

/** A message in whole blocks, at least one: a message that does not fill them is ended with a one bit and zeros. */
export function inBlocks(message: Uint8Array): Buffer {
  const bytes = Math.max(1, Math.ceil(message.length / AES_BLOCK_BYTES)) * AES_BLOCK_BYTES;
  const blocks = Buffer.alloc(bytes);
  blocks.set(message);
  if (bytes > message.length) blocks[message.length] = 0x80;
  return blocks;
}

/** Multiplies by x in GF(2^128), as RFC 5297 section 2.3 writes it. */
export function doubled(block: Uint8Array): Buffer {
  const result = Buffer.alloc(AES_BLOCK_BYTES);
  let carry = 0;
  for (let at = AES_BLOCK_BYTES - 1; at >= 0; at -= 1) {
    const byte = block[at] ?? 0;
    result[at] = (byte << 1) | carry;
    carry = byte >> 7;
  }
  if (carry === 1) result[AES_BLOCK_BYTES - 1] = (result[AES_BLOCK_BYTES - 1] ?? 0) ^ 0x87;
  return result;
}

export function xorInto(target: Uint8Array, block: Uint8Array, from: number): void {
  for (let at = 0; at < AES_BLOCK_BYTES; at += 1) {
    target[from + at] = (target[from + at] ?? 0) ^ (block[at] ?? 0);
  }
}

/**
 * The last block of AES in CBC mode from a zero block: one call, however many blocks there are. One cipher serves for all
 * messages: what it carries over is the last block that it gave, and joining that to the next first block takes it out.
 */
function createCbcMac(key: Uint8Array): (blocks: Buffer) => Buffer {
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, Buffer.alloc(AES_BLOCK_BYTES)).setAutoPadding(false);
  let carried: Uint8Array = Buffer.alloc(AES_BLOCK_BYTES);
  return (blocks) => {
    xorInto(blocks, carried, 0);
    const mac = Buffer.from(cipher.update(blocks).subarray(-AES_BLOCK_BYTES));
    carried = mac;
    return mac;
  };
}
