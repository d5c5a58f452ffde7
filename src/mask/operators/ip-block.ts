import { ipGroups, ipText } from "../normalize/ip-groups.ts";
import { AES_BLOCK_BYTES } from "./aes-siv.ts";

/** The 16 bytes of an address in its one form, IPv4 as IPv4-mapped: draft-denis-ipcrypt, "IP Address Conversion". */
export function ipBlock(ip: string): Buffer {
  const block = Buffer.allocUnsafe(AES_BLOCK_BYTES);
  let at = 0;
  for (const group of ipGroups(ip)) at = block.writeUInt16BE(group, at);
  return block;
}

/** The address of 16 bytes in its one form: IPv4 when they are IPv4-mapped, as the draft has it. */
export function ipOfBlock(block: Buffer): string {
  const groups: number[] = [];
  for (let at = 0; at < AES_BLOCK_BYTES; at += 2) groups.push(block.readUInt16BE(at));
  return ipText(groups);
}

/** True when an address has only four bytes of its own: the first twelve say that it is IPv4-mapped. */
export const isIpv4Block = (block: Buffer): boolean => block.subarray(0, IPV4_PREFIX.length).equals(IPV4_PREFIX);

const IPV4_PREFIX = Buffer.from("00000000000000000000ffff", "hex");
