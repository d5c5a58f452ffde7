import type { TokenPlace } from "../../src/pipeline/contracts.ts";

/** A column whose tokens are known by its own name. */
export const columnPlace = (name: string): TokenPlace => ({ name, column: name, path: null, key: name });
