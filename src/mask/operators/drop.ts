import type { UnkeyedOperator } from "./operator.ts";

/** NULL for every value, whether there was one or not. */
export const dropOperator: UnkeyedOperator = {
  name: "drop",
  needsKey: false,
  usesNormalization: false,
  isSearchable: false,
  tokenChars: () => 0,
  create: () => () => null,
};
