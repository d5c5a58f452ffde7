import { randomBytes } from "node:crypto";
import { TOKEN_CHARS_MIN } from "../dashboard/access.ts";
import type { ListenPlace } from "../dashboard/listen-place.ts";
import { PiipeError } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

const VARIABLE = "PIIPE_DASHBOARD_TOKEN";
const HINT = `Set ${VARIABLE} to ${TOKEN_CHARS_MIN} characters or more, such as what \`openssl rand -hex 16\` prints.`;

export interface DashboardToken {
  readonly value: string;
  /** Nobody knows it yet: it has to be shown. */
  readonly isNew: boolean;
}

/**
 * What a viewer has to present; null: nothing, as the address can be reached from this machine alone and nothing can be
 * changed.
 * @param options.canShow whether a person reads what is printed: a new token must not get into a log that is kept
 * @throws {PiipeError} `usage.invalid`
 */
export function dashboardToken(
  environment: Terminal["environment"],
  { isLoopback, address }: Pick<ListenPlace, "isLoopback" | "address">,
  { allowsActions, canShow }: { readonly allowsActions: boolean; readonly canShow: boolean },
): DashboardToken | null {
  const value = environment[VARIABLE] ?? "";
  if (value !== "") {
    if (value.length >= TOKEN_CHARS_MIN && /^[\x21-\x7e]+$/.test(value)) return { value, isNew: false };
    throw new PiipeError("usage.invalid", `${VARIABLE} is too short, or has characters other than plain ones`, {
      hint: HINT,
    });
  }
  if (!isLoopback) {
    throw new PiipeError("usage.invalid", `the dashboard at ${address} can be reached from outside: it needs a token`, {
      hint: `${HINT} Or let it listen on 127.0.0.1.`,
    });
  }
  if (!allowsActions) return null;
  if (!canShow) {
    throw new PiipeError("usage.invalid", "--dashboard-actions needs a token, and without a terminal none is made", {
      hint: `${HINT} One that piipe made would stand in the log.`,
    });
  }
  return { value: randomBytes(24).toString("base64url"), isNew: true };
}
