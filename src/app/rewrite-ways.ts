import { PiipeError } from "../errors.ts";
import type { MaskedColumn } from "../mask/column-tokens.ts";
import { OPERATORS } from "../mask/operators/operators.ts";
import { type RewriteKeys, rewrapOf, rewrappedVersions, takeoverOf } from "../mask/token-rewrites.ts";
import type { ColumnPlan, RewriteWay } from "./open-rewrite.ts";

/** Tokens of leaked key versions are made anew. Nothing is linked: a link would lead whoever has the leaked key from the old tokens to the new ones. */
export const REWRAP: RewriteWay = {
  command: "keys rewrap",
  plan(columns, keys) {
    const rewrapped = rewrappedVersions(keys.keyring);
    if (rewrapped.length === 0) throw overNothing();
    const versions = rewrapped.map(({ version }) => version).join(", ");
    const plans = columns.filter(({ mask }) => OPERATORS[mask].needsKey).map((column) => planOf(column, keys));
    return {
      plans,
      what: `tokens of key version ${versions}`,
      remedy:
        `A worker still runs with an older keyring and writes tokens of version ${versions}: bring the keyring to ` +
        "every worker, restart them, and run the command again.",
      unreadable: `values that look like tokens of key version ${versions} cannot be rewritten`,
      whenUnreadable:
        "The key does not open them: another domain or column name made them, or they were changed. Keep version " +
        `${versions}, and look for such rows by the beginnings of their tokens.`,
    };
  },
};

function planOf(column: MaskedColumn, keys: RewriteKeys): ColumnPlan {
  const rewrite = rewrapOf(column, keys);
  const pinned = column.keyVersion === null ? "" : `, and stay as version ${column.keyVersion} made them`;
  return rewrite === null
    ? { column, rewrite, reason: `tokens of ${column.mask} do not show which key version made them${pinned}` }
    : { column, rewrite };
}

function overNothing(): PiipeError {
  return new PiipeError("usage.invalid", "no key version in use is over another: there is nothing to rewrap", {
    hint:
      "After a leak: `piipe keys add --over` adds a version over the primary one, bring the keyring to every worker, " +
      "`piipe keys promote` makes it primary, bring the keyring to every worker again and restart them, then rewrap.",
  });
}

const MASK = "hmac-over-sha256";

/** Bare SHA-256 values become tokens of the keyring. */
export const TAKEOVER: RewriteWay = {
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
};
