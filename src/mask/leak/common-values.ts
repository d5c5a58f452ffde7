import { personalPartOf, wordsOf } from "../../config/looks-personal.ts";

/**
 * What the name of a field says of its values: that many people share each of them (a city), that they are a person's (a
 * nickname), or nothing.
 */
export type Commonness = "shared" | "personal" | "unknown";

const SHARED_NAMES: ReadonlySet<string> = new Set(
  "city town country state region province county district continent locale language nationality gender timezone".split(
    " ",
  ),
);

/** Letters of one word, written as words are: a mixture of cases is a code's. */
const WORD = /^(?:\p{Lu}?[\p{Ll}\p{Lo}\p{M}]+|[\p{Lu}\p{M}]+)$/u;
/** A longer one is no word that stands in a text by chance. */
const WORD_CHARS_MAX = 20;
/** Words with what stands between them in the names of places. */
const WORDS = /^\p{L}[\p{L}\p{M} '’.,()/-]*$/u;
const WORDS_CHARS_MAX = 64;

/** By the last word of the column's name or of its path; what is shared may be a part of what is personal: `address.city`. */
export function commonnessOf(name: string, from: string): Commonness {
  if ([name, from].some((of) => SHARED_NAMES.has(wordsOf(of).at(-1) ?? ""))) return "shared";
  return personalPartOf(name) === null && personalPartOf(from) === null ? "unknown" : "personal";
}

/** Whether a text may stand in another one with another meaning. What has a digit or an @ tells somebody apart. */
export function isCommon(text: string, commonness: Commonness): boolean {
  if (commonness === "personal") return false;
  if (text.length <= WORD_CHARS_MAX && WORD.test(text)) return true;
  return commonness === "shared" && text.length <= WORDS_CHARS_MAX && WORDS.test(text);
}
