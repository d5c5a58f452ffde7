const GROUPS = 8;

/** The eight 16-bit groups of a valid address; of IPv4 those of its IPv4-mapped form (RFC 4291 section 2.5.5.2). */
export function ipGroups(text: string): number[] {
  const groups: number[] = text.includes(":") ? [] : [0, 0, 0, 0, 0, 0xffff];
  let gapAt: number | null = null;
  for (const part of text.split(":")) {
    if (part === "") {
      gapAt = groups.length;
    } else if (part.includes(".")) {
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".");
      groups.push((Number(a) << 8) | Number(b), (Number(c) << 8) | Number(d));
    } else {
      groups.push(Number.parseInt(part, 16));
    }
  }
  if (gapAt !== null) groups.splice(gapAt, 0, ...Array<number>(GROUPS - groups.length).fill(0));
  return groups;
}

/** The address's text: IPv4 when it is IPv4-mapped, else the one of RFC 5952. */
export function ipText(groups: readonly number[]): string {
  const [a, b, c, d, e, f, high = 0, low = 0] = groups;
  const isMapped = a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff;
  return isMapped ? `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}` : ipv6Text(groups);
}

/** RFC 5952 section 4: no leading zeros, lower case, `::` for the first of the longest runs of two zeros or more. */
function ipv6Text(groups: readonly number[]): string {
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
