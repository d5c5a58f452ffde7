import { isIPv4, isIPv6 } from "node:net";
import { ipGroups, ipText } from "./ip-groups.ts";

/**
 * One form for the spellings of an address: IPv4 as it is, IPv6 in the text of RFC 5952 section 4, an IPv4-mapped IPv6
 * address (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2) as the IPv4 address that it is. Null for what `net` does not accept
 * (`010.8.8.8`, `127.1`) and for a zone. Other embedded IPv4 addresses are written in hex, as section 5 leaves open.
 */
export function normalizeIp(text: string): string | null {
  if (isIPv4(text)) return text;
  return isIPv6(text) && !text.includes("%") ? ipText(ipGroups(text)) : null;
}
