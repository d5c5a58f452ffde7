import type { UnkeyedOperator } from "./operator.ts";

export const REDACTED = "[redacted]";

/** One constant for every value: only whether there was one can be seen. */
export const redactOperator: UnkeyedOperator = {
  name: "redact",
  needsKey: false,
  usesNormalization: false,
  isSearchable: false,
  tokenChars: () => REDACTED.length,
  create: () => () => REDACTED,
};
