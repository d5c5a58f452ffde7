import { isIPv6 } from "node:net";

/**
 * Four parts of a host's address: not of 0.0.0.0/8, of the machine itself (127.0.0.0/8), nor of multicast and above, as the
 * first part of many versions is 0. Neither within a longer row of numbers (an object identifier has more parts), nor of a
 * product token such as `Chrome/120.0.0.0` (RFC 9110 section 10.1.5).
 */
const IPV4 =
  /(?<![\w.]|\d-|[\w)]\/)(?:[1-9]\d?|1[013-9]\d|12[0-689]|2[01]\d|22[0-3])(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}(?!\w|\.\d|-[a-z])/i;

/**
 * What may be an address of a host: global (2000::/3), unique local, link-local, mapped (`::ffff:192.0.2.1`) or NAT64.
 * Whether it is one, `isIPv6` says; the beginning sets times, MAC addresses and `std::array` aside.
 */
const IPV6_CANDIDATE =
  /(?<![\w:.])(?:[23][\da-f]{3}:|f[cd][\da-f]{2}:|fe[89ab][\da-f]:|::ffff:|64:ff9b:)[\da-f:.]{1,40}(?![\w:])/gi;

/** Seven colons, or six before an IPv4 address. */
const ALL_GROUPS = /^(?:[^:]*:){6,7}[^:]*$/;

export const hasIpv4 = (text: string): boolean => IPV4.test(text);

export function hasIpv6(text: string): boolean {
  IPV6_CANDIDATE.lastIndex = 0;
  for (let match = IPV6_CANDIDATE.exec(text); match !== null; match = IPV6_CANDIDATE.exec(text)) {
    const [candidate] = match;
    // Cheaper than the question, which is asked of what has all groups, or may leave some out.
    if (!candidate.includes("::") && !ALL_GROUPS.test(candidate)) continue;
    // The end of a sentence is none of the address.
    if (isIPv6(candidate.endsWith(".") ? candidate.slice(0, -1) : candidate)) return true;
  }
  return false;
}
