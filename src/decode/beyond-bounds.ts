import { CONTAINERS_MAX, DEPTH_MAX, KEYS_MAX, VALUES_BESIDE_ESCAPED_KEYS_MAX } from "./limits.ts";
import { countValues, type JsonScan } from "./scan-json.ts";

/** What does not begin like an object or an array is no JSON, and the parser sees that at once. */
const BEGINS_AS_STRUCTURE = /^[ \t\n\r]*[{[]/;

/** Why a text is not given to the parser, which would follow any; null: it may be. `scan` is of the same text. */
export function beyondBounds(
  text: string,
  { depth, keys, containers, hasEscapedKey }: JsonScan,
): "body.too-deep" | "body.too-many-keys" | "body.too-costly" | null {
  if (depth > DEPTH_MAX) return "body.too-deep";
  if (keys > KEYS_MAX && BEGINS_AS_STRUCTURE.test(text)) return "body.too-many-keys";
  const isCostly =
    (containers > CONTAINERS_MAX && BEGINS_AS_STRUCTURE.test(text)) ||
    (hasEscapedKey && countValues(text) > VALUES_BESIDE_ESCAPED_KEYS_MAX);
  return isCostly ? "body.too-costly" : null;
}
