import type { Delivery, RawRecord, Rejection, Result } from "../../src/pipeline/contracts.ts";

/** The same decoder with code and path of a refusal alone, for tests about those; `expectation.test.ts` is about details. */
export const withoutDetail =
  <T extends RawRecord>(decode: (delivery: Delivery) => Result<T, Rejection>): typeof decode =>
  (delivery) => {
    const result = decode(delivery);
    if (result.ok) return result;
    const { code, path } = result.error;
    return { ok: false, error: { code, path } };
  };
