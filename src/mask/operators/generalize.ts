import type { Column, Precision } from "../../pipeline/contracts.ts";
import { ipGroups, ipText } from "../normalize/ip-groups.ts";
import type { UnkeyedOperator } from "./operator.ts";

/** As long as the longest: a timestamp with its six decimals. */
const TIMESTAMP_CHARS = "2026-01-31T23:59:59.000000Z".length;

/**
 * Keeps the coarse part of a value: of an IPv4 address its /24, of an IPv6 address its /48 (what one site has, RFC 6177), of
 * a timestamp its hour or day in UTC. What is left may still single out a person who is alone in it.
 */
export const generalizeOperator: UnkeyedOperator = {
  name: "generalize",
  needsKey: false,
  usesNormalization: true,
  isSearchable: false,
  tokenChars: () => TIMESTAMP_CHARS,
  create: (column) => (column.type === "ip" ? networkOf : cutterOf(column)),
};

function networkOf(ip: string): string {
  if (!ip.includes(":")) return `${ip.slice(0, ip.lastIndexOf("."))}.0/24`;
  return `${ipText([...ipGroups(ip).slice(0, 3), 0, 0, 0, 0, 0])}/48`;
}

/** What follows the part of `2026-01-31T23:59:59.000000Z` that is kept. */
const CUT: Readonly<Record<Precision, string>> = { hour: ":00:00.000000Z", day: "T00:00:00.000000Z" };

function cutterOf({ name, type, precision }: Column): (timestamp: string) => string {
  if (type !== "timestamp" || precision === null) throw new TypeError(`column ${name} cannot be generalised`);
  const end = CUT[precision];
  return (timestamp) => timestamp.slice(0, -end.length) + end;
}
