import { personalPartOf } from "../../config/looks-personal.ts";
import type { DetectorName, SuspicionKind } from "../../pipeline/contracts.ts";
import { detect } from "./detect.ts";
import { textOf, unitsOf } from "./fold.ts";
import { hasBackslash, unescapeJson } from "./unescape.ts";

/** JSON within a text of JSON is followed so far. */
const LEVELS_MAX = 2;
/** More keys are not looked at, each costing a microsecond or two: that no event of a person has so many is not known. */
const KEYS_MAX = 1_000;

/** An object or an array, and not necessarily a whole one: a sample may be cut. */
const STARTS_JSON = /^\s*(?:\{\s*["}]|\[\s*(?:[\]"[{\d-]|true|false|null))/;
/** The beginning of `{"`, `{ `, `[{` and `["` in base64, also for URLs. */
const STARTS_BASE64 = /^(?:e[wyg]|W[3wy])[\w+/-]{6,}={0,2}$/;
const BASE64_MARK = /^(?:e[wyg]|W[3wy])/;

/** A key with a value behind it, that is neither null, nor empty, nor a yes or no; or a bracket. */
const KEY_OR_BRACKET = /"([^"\\\n]{1,64})"\s*:\s*(?!null\b|true\b|false\b|""|\{\s*\}|\[\s*\])|[{}]/g;

/**
 * What kind of personal data a text holds, by its form, or by the names of the fields when it is JSON; null: none that is
 * known. Linear in the length of the text.
 */
export function detectInText(text: string): SuspicionKind | null {
  const form = detect(text);
  if (form !== null) return form;
  if (!mayBeginJson(text.charCodeAt(0))) return null;
  const json = jsonIn(text);
  if (json === null) return null;
  return (json === text ? null : detect(json)) ?? (hasPersonalKey(json) ? "inner-name" : null);
}

/** White space, a bracket, or the first letter of one in base64: nearly no text, so that nothing else is asked of it. */
const mayBeginJson = (code: number): boolean =>
  code <= 32 || code === 123 || code === 91 || code === 101 || code === 87;

/** As `detect`, for a JSON text: its escapes are what they stand for. */
export function detectInJson(json: string): DetectorName | null {
  return detect(json) ?? (json.includes("\\") ? detect(unescaped(json)) : null);
}

/** The JSON in a text, without escapes, so no longer to be parsed; null when it has none. */
function jsonIn(text: string): string | null {
  if (STARTS_JSON.test(text)) return unescaped(text);
  if (!BASE64_MARK.test(text) || !STARTS_BASE64.test(text)) return null;
  const decoded = Buffer.from(text, "base64").toString("utf8");
  return STARTS_JSON.test(decoded) ? unescaped(decoded) : null;
}

function unescaped(json: string): string {
  if (!json.includes("\\")) return json;
  let units = unitsOf(json);
  for (let level = 0; level < LEVELS_MAX && hasBackslash(units); level += 1) units = unescapeJson(units);
  return textOf(units);
}

/** Whether a key, alone or with the one above it, says that its value is personal. */
function hasPersonalKey(json: string): boolean {
  const above: string[] = [];
  let last = "";
  let keys = 0;
  KEY_OR_BRACKET.lastIndex = 0;
  for (let match = KEY_OR_BRACKET.exec(json); match !== null; match = KEY_OR_BRACKET.exec(json)) {
    const [found, key] = match;
    if (key !== undefined) {
      keys += 1;
      if (keys > KEYS_MAX || personalPartOf(`${above.at(-1) ?? ""}.${key}`) !== null) return true;
      last = key;
    } else if (found === "{") {
      above.push(last);
    } else {
      above.pop();
    }
  }
  return false;
}

/** Whether a text is a JSON object, or an array that holds one: no single value of a person or a device. */
export function isJsonText(text: string): boolean {
  if (!STARTS_JSON.test(text)) return false;
  try {
    const value: unknown = JSON.parse(text);
    const parts = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    return parts.some((part) => typeof part === "object" && part !== null && Object.keys(part).length > 0);
  } catch {
    // The error's message quotes the text.
    return false;
  }
}
