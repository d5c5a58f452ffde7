import { PiipeError } from "../../errors.ts";
import { takeoverOf } from "../../mask/token-rewrites.ts";
import type { ExitCode } from "../exit-codes.ts";
import { rewriteColumns, type RewriteCommandOptions } from "../rewrite-columns.ts";
import type { Terminal } from "../terminal.ts";

const MASK = "hmac-over-sha256";

export function keysTakeoverCommand(options: RewriteCommandOptions, terminal: Terminal): Promise<ExitCode> {
  return rewriteColumns(options, terminal, {
    command: "keys takeover",
    plan(columns, keys) {
      const plans = columns.flatMap((column) => {
        const rewrite = takeoverOf(column, keys);
        return rewrite === null ? [] : [{ column, rewrite }];
      });
      if (plans.length === 0) {
        throw new PiipeError("usage.invalid", `no column has the mask ${MASK}: there is nothing to take over`, {
          hint: `Give the columns that hold bare SHA-256 values \`mask: ${MASK}\`, then run the command again.`,
        });
      }
      return {
        plans,
        what: "bare SHA-256 values",
        remedy: "Something still writes bare SHA-256 values: stop it, and run the command again.",
        unreadable: "values are neither SHA-256 in lower-case hex nor tokens of this keyring, and may be raw",
        whenUnreadable:
          "No event can match the unreadable ones. Update digests in another spelling to lower-case hex, and run the " +
          "command again; update or delete raw values.",
      };
    },
  });
}
