import { textReader } from "./column-types.ts";
import { STRING_CHARS_MAX } from "./limits.ts";
import { isKept } from "./number-check.ts";
import { safeIntegerReader } from "./numbers.ts";
import { REFUSED, type ValueReader, isRefusal } from "./refusal.ts";

const readText = textReader(STRING_CHARS_MAX);
const readInteger = safeIntegerReader(null, null);

/**
 * A string, exactly as it is, or a whole number. Neither trimmed nor normalised: of two ids that are taken for one, an
 * event would be lost, while two that are taken apart only make a row too many. Half a surrogate pair is refused like in
 * a stored text: in UTF-8 all of them are one character.
 */
export const businessIdReader: ValueReader = {
  read: (value) => (typeof value === "number" ? readInteger(value) : readText(value)),
  readNumber(value, written) {
    const read = readInteger(value);
    return isRefusal(read) || isKept("integer", written) ? read : REFUSED.range;
  },
};
