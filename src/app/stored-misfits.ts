import { type MaskedColumn, maskedOf } from "../mask/column-tokens.ts";
import { isDigest, tokenTestOf } from "../mask/token-form.ts";
/** Masked columns that still hold something else than what their mask gives: what `check` warns of. */
import type { Column } from "../pipeline/contracts.ts";

export interface StoredMisfits {
  /** With counts, and never a value. */
  readonly text: string;
  readonly remedy: string;
}

/** Those of whose stored values something can be said. */
export const recognizableColumns = (columns: readonly Column[]): readonly MaskedColumn[] =>
  maskedOf(columns).filter((column) => tokenTestOf(column) !== null);

/** @param samples stored values of each column, by its name */
export function storedMisfits(
  columns: readonly Column[],
  samples: ReadonlyMap<string, readonly string[]>,
): readonly StoredMisfits[] {
  return recognizableColumns(columns).flatMap((column) => {
    const values = samples.get(column.name) ?? [];
    const isToken = tokenTestOf(column);
    const misfits = isToken === null ? [] : values.filter((value) => !isToken(value));
    if (misfits.length === 0) return [];
    const digests = column.mask === "hmac-over-sha256" ? misfits.filter(isDigest).length : 0;
    return [
      {
        text: `column ${column.name}: ${misfits.length} of ${values.length} sampled values are no tokens of ${column.mask}${digests > 0 ? ` (${digests} bare SHA-256)` : ""}`,
        remedy: [digests > 0 ? TAKEOVER : "", digests < misfits.length ? RAW : ""].filter(Boolean).join(" "),
      },
    ];
  });
}

const TAKEOVER = "`piipe keys takeover` makes tokens of what is bare SHA-256.";
const RAW =
  "They may be raw, from before the column had this mask: update or delete them. `piipe migrate --token-checks` then keeps such values out.";
