import { isIPv4, isIPv6 } from "node:net";

const GROUPS = 8;

/**
 * One form for the spellings of an address: IPv4 as it is, IPv6 in the text of RFC 5952 section 4, an IPv4-mapped IPv6
 * address (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2) as the IPv4 address that it is. Null for what `net` does not accept
 * (`010.8.8.8`, `127.1`) and for a zone. Other embedded IPv4 addresses are written in hex, as section 5 leaves open.
 */
export function normalizeIp(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return null;
  const groups = groupsOf(text);
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped ? ipv4Of(high, low) : ipv6Of(groups);
}

const ipv4Of = (high: number, low: number): string => `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;

/** The eight groups of a valid address. */
function groupsOf(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const before = partsOf(head);
  if (tail === undefined) return before;
  const after = partsOf(tail);
  return [...before, ...Array<number>(GROUPS - before.length - after.length).fill(0), ...after];
}

function partsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((part) => {
    if (!part.includes(".")) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** RFC 5952 section 4: no leading zeros, lower case, `::` for the first of the longest runs of two zeros or more. */
function ipv6Of(groups: readonly number[]): string {
  let runStart = 0;
  let runLength = 0;
  for (let start = 0; start < GROUPS; start += 1) {
    let end = start;
    while (end < GROUPS && groups[end] === 0) end += 1;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
    start = Math.max(start, end);
  }
  if (runLength < 2) return hex(groups);
  return `${hex(groups.slice(0, runStart))}::${hex(groups.slice(runStart + runLength))}`;
}

const hex = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(":");
