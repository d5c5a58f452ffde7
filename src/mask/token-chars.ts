import type { MaskName } from "../pipeline/contracts.ts";
import { OPERATORS } from "./operators/operators.ts";

/**
 * Characters of the longest token that a mask makes with a key version: what the table's column must hold. null: it
 * depends on the value.
 */
export const tokenCharsOf = (mask: MaskName, version: number): number | null => OPERATORS[mask].tokenChars(version);
