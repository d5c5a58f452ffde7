import { hostname, userInfo } from "node:os";

/** Who runs the command, for the audit: `user@host`. */
export function operatorName(): string {
  return `${userName()}@${hostname()}`;
}

/** A container may run under a number that no user has. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}
