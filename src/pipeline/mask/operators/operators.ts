import type { MaskName } from "../../contracts.ts";
import { hmacSha256Operator } from "./hmac-sha256.ts";
import type { Operator } from "./operator.ts";
import { sha256Operator } from "./sha256.ts";

/** Every mask that works. A name without an operator does not compile. */
export const OPERATORS: Readonly<Record<MaskName, Operator>> = {
  "hmac-sha256": hmacSha256Operator,
  sha256: sha256Operator,
};
