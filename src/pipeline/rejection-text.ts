import type { Rejection } from "./contracts.ts";

/** A refusal as its stored or logged parts give it, which may be of another version. */
interface RejectionParts {
  readonly code: string;
  readonly path: string | null;
  readonly detail?: string | null;
}

/** A refusal in one line: `field.type at price (expected a number, found text)`. */
export function showRejection({ code, path, detail = null }: RejectionParts): string {
  const place = path === null ? "" : ` at ${path}`;
  return `${code}${place}${detail === null ? "" : ` (${detail})`}`;
}

/** Equal for refusals that say the same. */
export const rejectionKey = ({ code, path, detail }: Rejection): string => JSON.stringify([code, path, detail]);
