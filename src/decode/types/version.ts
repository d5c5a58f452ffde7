import type { ColumnBounds } from "../../pipeline/contracts.ts";
import { isLongerThan, textCharsMax } from "../check-text.ts";
import { REFUSED, type Reader } from "../refusal.ts";

const MAJOR_UNIT = 1_000_000;
const MINOR_UNIT = 1_000;
/** The largest value of PostgreSQL's `integer`, which is assumed while the real column is not known. */
const INTEGER_MAX = 2_147_483_647;
const DOT = 0x2e;
const ZERO = 0x30;

/**
 * A version of one to three decimal parts. For a text column its text; for any other the sortable integer
 * major × 1,000,000 + minor × 1,000 + patch, in which minor and patch reach 999 and major as far as every minor and
 * patch still fits (2146 in an `integer` column). The parts are numbers, as in every ordering of versions: `6.02` and
 * `6.2` are the same version, and so are `3`, `3.0` and `3.0.0`.
 */
export function versionReader(bounds: ColumnBounds | undefined): Reader {
  return bounds?.isText === true ? versionTextReader(textCharsMax(bounds.charsMax)) : versionNumberReader(bounds);
}

const versionTextReader =
  (charsMax: number): Reader =>
  (value) => {
    if (typeof value !== "string") return REFUSED.type;
    if (partsOf(value) === null) return REFUSED.format;
    return isLongerThan(value, charsMax) ? REFUSED.tooLong : value;
  };

function versionNumberReader(bounds: ColumnBounds | undefined): Reader {
  const highest = Math.min(bounds?.integerMax ?? INTEGER_MAX, Number.MAX_SAFE_INTEGER);
  const majorMax = Math.floor((highest + 1) / MAJOR_UNIT) - 1;
  return (value) => {
    if (typeof value !== "string") return REFUSED.type;
    const parts = partsOf(value);
    if (parts === null) return REFUSED.format;
    const [major, minor, patch] = parts;
    if (major > majorMax || minor > 999 || patch > 999) return REFUSED.range;
    return major * MAJOR_UNIT + minor * MINOR_UNIT + patch;
  };
}

/**
 * Major, minor and patch, zero where they are not written; null when the text is no version. By hand, as a regular
 * expression takes several times as long to give its groups.
 */
function partsOf(version: string): [number, number, number] | null {
  const parts: [number, number, number] = [0, 0, 0];
  let part = 0;
  let digits = 0;
  for (let at = 0; at < version.length; at += 1) {
    const code = version.charCodeAt(at);
    const digit = code - ZERO;
    if (digit >= 0 && digit <= 9) {
      parts[part] = (parts[part] ?? 0) * 10 + digit;
      digits += 1;
    } else {
      if (code !== DOT || digits === 0 || part === 2) return null;
      part += 1;
      digits = 0;
    }
  }
  return digits === 0 ? null : parts;
}
