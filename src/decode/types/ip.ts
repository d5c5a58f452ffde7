import { isIPv4, isIPv6 } from "node:net";
import { REFUSED, type Reader } from "../refusal.ts";

/**
 * An IPv4 or IPv6 address, as it is. `010.8.8.8` is refused, as it is octal to some readers and decimal to others; so
 * are `127.1`, and a zone (`fe80::1%eth0`), which means something on one machine only.
 */
export const readIp: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  return isIPv4(value) || (isIPv6(value) && !value.includes("%")) ? value : REFUSED.format;
};
