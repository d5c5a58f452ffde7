import type { MaskName } from "../../pipeline/contracts.ts";
import { aesSivOperator } from "./aes-siv.ts";
import { dropOperator } from "./drop.ts";
import { fpeFf1Operator } from "./fpe-ff1.ts";
import { generalizeOperator } from "./generalize.ts";
import { hmacOverSha256Operator } from "./hmac-over-sha256.ts";
import { hmacSha256Operator } from "./hmac-sha256.ts";
import { ipcryptDeterministicOperator } from "./ipcrypt-deterministic.ts";
import { ipcryptPfxOperator } from "./ipcrypt-pfx.ts";
import type { Operator } from "./operator.ts";
import { redactOperator } from "./redact.ts";
import { sha256Operator } from "./sha256.ts";

/** Every mask. A name without an operator does not compile. */
export const OPERATORS: Readonly<Record<MaskName, Operator>> = {
  "hmac-sha256": hmacSha256Operator,
  "hmac-over-sha256": hmacOverSha256Operator,
  "aes-siv": aesSivOperator,
  "ipcrypt-deterministic": ipcryptDeterministicOperator,
  "ipcrypt-pfx": ipcryptPfxOperator,
  "fpe-ff1": fpeFf1Operator,
  generalize: generalizeOperator,
  redact: redactOperator,
  drop: dropOperator,
  sha256: sha256Operator,
};
