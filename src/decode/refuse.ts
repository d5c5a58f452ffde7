import type { Rejection, RejectionCode } from "../pipeline/contracts.ts";

/** What refuses an event: the failure of a `Result`. */
export interface Refused {
  readonly ok: false;
  readonly error: Rejection;
}

export const refuse = (code: RejectionCode, path: string | null, detail?: string): Refused => ({
  ok: false,
  error: detail === undefined ? { code, path } : { code, path, detail },
});
