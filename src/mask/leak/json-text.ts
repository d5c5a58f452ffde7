import { personalPartOf } from "../../config/looks-personal.ts";
import type { SuspicionKind } from "../../pipeline/contracts.ts";
import { detect } from "./detect.ts";
import { textOf, unitsOf } from "./fold.ts";
import { hasBackslash, unescapeJson } from "./unescape.ts";

/** JSON within a text of JSON is followed so far. */
const LEVELS_MAX = 2;
/** More keys are not looked at, each costing a microsecond or two: that no event of a person has so many is not known. */
const KEYS_MAX = 1_000;

/** An object or an array, and not necessarily a whole one: a sample may be cut. */
const STARTS_JSON = /^\s*(?:\{\s*["}]|\[\s*(?:[\]"[{\d-]|true|false|null))/;
/** White space in a string of JSON, as it is or escaped, with that of JavaScript which is none in JSON. */
const SPACE_IN_STRING = String.raw`(?:\s|\\[nrt]|\\u(?:feff|00a0))*`;
/** JSON in a string of JSON: what was written as JSON twice. */
const STARTS_QUOTED = new RegExp(String.raw`^\s*"${SPACE_IN_STRING}[{[]`, "i");
/** Such a string with another one inside, within a JSON text: of what else follows a quote, nothing has a bracket. */
const QUOTED_JSON = new RegExp(String.raw`(?<!\\)"${SPACE_IN_STRING}[{[][^"\\]*\\"`, "gi");
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

const NO_BREAK_SPACE = 0xa0;
const BYTE_ORDER_MARK = 0xfeff;

/** White space, a quote, a bracket, or the first letter of one in base64: few texts, so that nothing else is asked of most. */
const mayBeginJson = (code: number): boolean =>
  code <= 32 ||
  code === 34 ||
  code === 123 ||
  code === 91 ||
  code === 101 ||
  code === 87 ||
  code === NO_BREAK_SPACE ||
  code === BYTE_ORDER_MARK;

/** As `detect`, for a JSON text: its escapes are what they stand for. Of its strings those that are JSON have names, too. */
export function detectInJson(json: string): SuspicionKind | null {
  const form = detect(json);
  if (form !== null || !json.includes("\\")) return form;
  const kind = detect(unescaped(json));
  if (kind !== null) return kind;
  const strings = jsonStringsIn(json);
  // Each of them has a key, or looks so.
  if (strings.length > KEYS_MAX) return "inner-name";
  return hasPersonalKey(unescaped(strings.join("\n"))) ? "inner-name" : null;
}

/** The strings of a JSON text that are JSON, as they are written; of very many, one more than is looked at. */
function jsonStringsIn(json: string): readonly string[] {
  const strings: string[] = [];
  QUOTED_JSON.lastIndex = 0;
  let match = QUOTED_JSON.exec(json);
  while (match !== null && strings.length <= KEYS_MAX) {
    let end = QUOTED_JSON.lastIndex;
    while (end < json.length && json[end] !== '"') end += json[end] === "\\" ? 2 : 1;
    strings.push(json.slice(match.index + 1, end));
    QUOTED_JSON.lastIndex = end + 1;
    match = QUOTED_JSON.exec(json);
  }
  return strings;
}

/** The JSON in a text, without escapes, so no longer to be parsed; null when it has none. */
function jsonIn(text: string): string | null {
  if (STARTS_JSON.test(text)) return unescaped(text);
  if (STARTS_QUOTED.test(text)) {
    const inner = textOf(unescapeJson(unitsOf(text.slice(text.indexOf('"') + 1))));
    return STARTS_JSON.test(inner) ? unescaped(inner) : null;
  }
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

/**
 * Whether a text is a JSON object, or an array that holds one, or either written as JSON once more: no single value of a
 * person or a device.
 */
export function isJsonText(text: string): boolean {
  if (!STARTS_JSON.test(text) && !STARTS_QUOTED.test(text)) return false;
  try {
    const value = parse(text);
    const inner = typeof value === "string" && STARTS_JSON.test(value) ? parse(value) : value;
    const parts = Array.isArray(inner) ? (inner as readonly unknown[]) : [inner];
    return parts.some((part) => typeof part === "object" && part !== null && Object.keys(part).length > 0);
  } catch {
    // The error's message quotes the text.
    return false;
  }
}

/** Without the white space that JavaScript knows and JSON does not: a byte order mark, above all. */
const parse = (text: string): unknown => JSON.parse(text.trim());
