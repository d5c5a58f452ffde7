import { hash } from "node:crypto";
import type { UnkeyedOperator } from "./operator.ts";

/**
 * Bare SHA-256 (FIPS 180-4) in lower-case hex of the text as the event had it. For those who must match values made that
 * way: all IPv4 addresses are reversed in minutes, so the configuration takes it only with `allowUnkeyed: true`.
 */
export const sha256Operator: UnkeyedOperator = {
  name: "sha256",
  needsKey: false,
  usesNormalization: false,
  isSearchable: true,
  tokenChars: () => 64,
  create: () => (text) => hash("sha256", text, "hex"),
};
