import type { ColumnBounds } from "../../contracts.ts";
import { isLongerThan, textCharsMax } from "../check-text.ts";
import { REFUSED, type Reader } from "../refusal.ts";

const VERSION = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/;
const MAJOR_UNIT = 1_000_000;
const MINOR_UNIT = 1_000;
/** The largest value of PostgreSQL's `integer`, which is assumed while the real column is not known. */
const INTEGER_MAX = 2_147_483_647;

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
    if (!VERSION.test(value)) return REFUSED.format;
    return isLongerThan(value, charsMax) ? REFUSED.tooLong : value;
  };

function versionNumberReader(bounds: ColumnBounds | undefined): Reader {
  const highest = Math.min(bounds?.integerMax ?? INTEGER_MAX, Number.MAX_SAFE_INTEGER);
  const majorMax = Math.floor((highest + 1) / MAJOR_UNIT) - 1;
  return (value) => {
    if (typeof value !== "string") return REFUSED.type;
    const match = VERSION.exec(value);
    if (match === null) return REFUSED.format;
    const major = Number(match[1]);
    const minor = Number(match[2] ?? 0);
    const patch = Number(match[3] ?? 0);
    if (major > majorMax || minor > 999 || patch > 999) return REFUSED.range;
    return major * MAJOR_UNIT + minor * MINOR_UNIT + patch;
  };
}
