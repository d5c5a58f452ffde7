import type { MaskedRecord, RawRecord } from "../pipeline/contracts.ts";

type MaskedParts = Pick<
  MaskedRecord,
  "rows" | "links" | "originals" | "suspicions" | "businessKeys" | "contentChecks" | "leakedBusinessKeys"
>;

/**
 * The only place that makes a masked record. Called by the compiled mask alone, with values that are masked or of columns
 * declared as not personal.
 */
export function maskedRecord({ id, sentAtMs, unpackedBytes }: RawRecord, parts: MaskedParts): MaskedRecord {
  const { rows, links, originals, suspicions, businessKeys, contentChecks, leakedBusinessKeys } = parts;
  return {
    id,
    sentAtMs,
    rows,
    links,
    originals,
    suspicions,
    businessKeys,
    ...(contentChecks === undefined ? {} : { contentChecks }),
    leakedBusinessKeys,
    ...(unpackedBytes === undefined ? {} : { unpackedBytes }),
  } as unknown as MaskedRecord;
}
