import { PiipeError } from "../errors.ts";

export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 503;

/** Why a request is not answered. Quotes nothing of it. */
export class Refusal extends PiipeError {
  readonly status: RefusalStatus;

  constructor(status: RefusalStatus, message: string, hint?: string) {
    super("dashboard.refused", message, hint === undefined ? {} : { hint });
    this.status = status;
  }
}
