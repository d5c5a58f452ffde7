import type { ColumnType } from "../../pipeline/contracts.ts";
import { normalizeIp } from "./normalize-ip.ts";
import { normalizeText } from "./normalize-text.ts";

/** Changing what a normalisation gives breaks the joins with every token made before: it then needs a new version. */
export const NORMALIZATION_VERSION = 1;

/** The one form of all spellings of a value; null when the text is no such value. The empty text stays empty. */
export type Normalize = (text: string) => string | null;

/** The normalisation of a column's type. Types other than `text` and `ip` have one form only when they are decoded. */
export function normalizationOf(type: ColumnType): Normalize {
  switch (type) {
    case "text":
      return normalizeText;
    case "ip":
      return normalizeIp;
    default:
      return unchanged;
  }
}

const unchanged: Normalize = (text) => text;
