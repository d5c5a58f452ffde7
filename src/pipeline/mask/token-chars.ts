import type { MaskName } from "../contracts.ts";
import { OPERATORS } from "./operators/operators.ts";

/** Characters of the tokens that a mask makes with a key version: what the table's column must hold. */
export const tokenCharsOf = (mask: MaskName, version: number): number => OPERATORS[mask].tokenChars(version);
