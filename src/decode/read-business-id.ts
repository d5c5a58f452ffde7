import { integerReader, textReader } from "./column-types.ts";
import { STRING_CHARS_MAX } from "./limits.ts";
import type { Reader } from "./refusal.ts";

const readText = textReader(STRING_CHARS_MAX);
const readInteger = integerReader(null, null);

/**
 * A string, exactly as it is, or a whole number. Neither trimmed nor normalised: of two ids that are taken for one, an
 * event would be lost, while two that are taken apart only make a row too many. Half a surrogate pair is refused like in
 * a stored text: in UTF-8 all of them are one character.
 */
export const readBusinessId: Reader = (value) => (typeof value === "number" ? readInteger(value) : readText(value));
