import { PiipeError } from "../../errors.ts";
import { normalizeIp } from "../normalize/normalize-ip.ts";
import { AES_BLOCK_BYTES, type AesBlocks, aesEncrypt } from "./aes-siv.ts";
import { ipBlock, ipOfBlock, isIpv4Block } from "./ip-block.ts";
import type { KeyUse, KeyedOperator } from "./operator.ts";

const ADDRESS_BITS = 128;
/** The bits of an IPv4-mapped address before the IPv4 address itself: they stay as they are. */
const IPV4_PREFIX_BITS = 96;
/** What is encrypted for the first bit: zeros, a one, the prefix. Section "Pseudorandom Function Construction" of the draft. */
const FIRST_IPV4_PREFIX = Buffer.from("0000000100000000000000000000ffff", "hex");
const FIRST_IPV6_PREFIX = Buffer.from("00000000000000000000000000000001", "hex");

/**
 * ipcrypt-pfx (draft-denis-ipcrypt): each bit of the address is changed depending on the bits before it, so that addresses
 * of one network give addresses of one network. Reversible with the key; IPv4 stays IPv4. That networks stay together is
 * what it is for, and what it gives away: whoever can place addresses of their own in the data learns whose network is whose.
 */
export const ipcryptPfxOperator: KeyedOperator = {
  name: "ipcrypt-pfx",
  needsKey: true,
  usesNormalization: true,
  keyBytes: 2 * AES_BLOCK_BYTES,
  tokenLetter: null,
  tokenChars: () => 39,
  create(use) {
    const halves = halvesOf(use);
    return (ip) => ipOfBlock(encrypt(ipBlock(ip), halves));
  },
  chain: null,
  reveal(use) {
    const halves = halvesOf(use);
    return (token) => {
      // An `inet` column may give another spelling than it was given.
      const ip = normalizeIp(token);
      return ip === null ? null : ipOfBlock(decrypt(ipBlock(ip), halves));
    };
  },
};

type Halves = readonly [AesBlocks, AesBlocks];

function halvesOf({ key, column, version }: KeyUse): Halves {
  const first = key.subarray(0, AES_BLOCK_BYTES);
  const second = key.subarray(AES_BLOCK_BYTES);
  // Section "Key Requirements" of the draft: both would give the same block, and joined change no bit of any address.
  if (Buffer.compare(first, second) === 0) {
    throw new PiipeError(
      "keys.invalid",
      `the two halves of column ${column.name}'s ipcrypt-pfx key are equal under key version ${version}: it would leave addresses as they are`,
      { hint: "Make a new key version with `piipe keys add`: the root of this one is not random." },
    );
  }
  return [aesEncrypt(first), aesEncrypt(second)];
}

/** When encrypting, all prefixes are known at the start: one call for each half of the key. */
function encrypt(address: Buffer, [first, second]: Halves): Buffer {
  const firstBit = firstBitOf(address);
  const prefixes = Buffer.allocUnsafe((ADDRESS_BITS - firstBit) * AES_BLOCK_BYTES);
  firstPrefix(firstBit).copy(prefixes);
  const view = viewOf(prefixes);
  for (let from = 0, bit = firstBit; bit < ADDRESS_BITS - 1; bit += 1, from += AES_BLOCK_BYTES) {
    appendBit(view, from, from + AES_BLOCK_BYTES, bitAt(address, bit));
  }
  const ones = first(prefixes);
  const others = second(prefixes);
  const result = Buffer.from(address);
  for (let last = AES_BLOCK_BYTES - 1, bit = firstBit; bit < ADDRESS_BITS; bit += 1, last += AES_BLOCK_BYTES) {
    changeBit(result, bit, (ones[last] ?? 0) ^ (others[last] ?? 0));
  }
  return result;
}

/** When decrypting, each prefix is known only once the bit before is. */
function decrypt(address: Buffer, [first, second]: Halves): Buffer {
  const firstBit = firstBitOf(address);
  const prefix = Buffer.from(firstPrefix(firstBit));
  const view = viewOf(prefix);
  const result = Buffer.from(address);
  for (let bit = firstBit; bit < ADDRESS_BITS; bit += 1) {
    const last = AES_BLOCK_BYTES - 1;
    changeBit(result, bit, (first(prefix)[last] ?? 0) ^ (second(prefix)[last] ?? 0));
    appendBit(view, 0, 0, bitAt(result, bit));
  }
  return result;
}

const firstBitOf = (address: Buffer): number => (isIpv4Block(address) ? IPV4_PREFIX_BITS : 0);

const firstPrefix = (firstBit: number): Buffer => (firstBit === 0 ? FIRST_IPV6_PREFIX : FIRST_IPV4_PREFIX);

const viewOf = (blocks: Buffer): DataView => new DataView(blocks.buffer, blocks.byteOffset, blocks.length);

const bitAt = (block: Buffer, bit: number): number => ((block[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;

/** Joins the last bit of a byte to one of the block's. */
function changeBit(block: Buffer, bit: number, byte: number): void {
  block[bit >> 3] = (block[bit >> 3] ?? 0) ^ ((byte & 1) << (7 - (bit & 7)));
}

/** Writes the block at `from`, moved left by a bit that comes in at its right end, to `to`. The two may be the same. */
function appendBit(blocks: DataView, from: number, to: number, bit: number): void {
  for (let at = 0; at < AES_BLOCK_BYTES; at += 4) {
    const carry = at + 4 < AES_BLOCK_BYTES ? blocks.getUint8(from + at + 4) >> 7 : bit;
    blocks.setUint32(to + at, (blocks.getUint32(from + at) << 1) | carry);
  }
}
