import { CLOSE_ARRAY, CLOSE_OBJECT, closingQuote, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "./scan-json.ts";

/**
 * The first key that the outermost object names twice, or null when only inner objects do. `text` must be a JSON object.
 * Slow and rarely called: only to name the field once a duplicate is known to exist.
 */
export function findDuplicateKey(text: string): string | null {
  const seen = new Set<string>();
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = closingQuote(text, at);
      if (depth === 1 && isKey(text, end + 1)) {
        // Parsed, because "ip" and "\u0069p" are the same key.
        const key = JSON.parse(text.slice(at, end + 1)) as string;
        if (seen.has(key)) return key;
        seen.add(key);
      }
      at = end;
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth += 1;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth -= 1;
    at += 1;
  }
  return null;
}

function isKey(text: string, afterString: number): boolean {
  let at = afterString;
  while (" \t\n\r".includes(text[at] ?? ":")) at += 1;
  return text[at] === ":";
}
