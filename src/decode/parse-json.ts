import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  type JsonScan,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  closingQuote,
} from "./scan-json.ts";

/**
 * `JSON.parse` without a fault of V8 that Node 24 and 26 have (https://github.com/nodejs/node/issues/63785): it expects
 * the key that an earlier object had in the same place, and compares an escaped key as it is written, cut to the length
 * that it has when decoded. After `{"a":0,"\\":0}` it gives `{"a":0,"\u0062":0}` the key `\` instead of `b`: a field is
 * lost, or taken for another one. Keys without an escape are compared whole, and values are not compared: only texts with
 * an escaped key have to be read in another way.
 *
 * @param scan of the same text; its depth is known to be one that recursion can follow
 * @throws SyntaxError when the text is not JSON; its message quotes the text
 */
export function parseJson(text: string, scan: JsonScan): unknown {
  const value: unknown = JSON.parse(text);
  return scan.hasEscapedKey ? new JsonReader(text).read() : value;
}

/** Reads what `JSON.parse` took for JSON: the syntax is not checked again. */
class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    switch (this.#nextCode()) {
      case OPEN_OBJECT:
        return this.#readObject();
      case OPEN_ARRAY:
        return this.#readArray();
      case QUOTE:
        return this.#readString();
      default:
        return this.#readLiteral();
    }
  }

  #readObject(): object {
    const object: Record<string, unknown> = {};
    this.#at += 1;
    while (this.#nextCode() !== CLOSE_OBJECT) {
      const key = this.#readString();
      const value = this.read();
      if (key !== "__proto__") object[key] = value;
      // An assignment would set the prototype.
      else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
    }
    this.#at += 1;
    return object;
  }

  #readArray(): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    while (this.#nextCode() !== CLOSE_ARRAY) items.push(this.read());
    this.#at += 1;
    return items;
  }

  #readString(): string {
    const start = this.#at + 1;
    const end = closingQuote(this.#text, this.#at);
    this.#at = end + 1;
    const written = this.#text.slice(start, end);
    return written.includes("\\") ? (JSON.parse(`"${written}"`) as string) : written;
  }

  #readLiteral(): number | boolean | null {
    const start = this.#at;
    while (!endsLiteral(this.#text.charCodeAt(this.#at))) this.#at += 1;
    const written = this.#text.slice(start, this.#at);
    switch (written) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      default:
        return Number(written);
    }
  }

  /** Skips what stands between values, as their order says it all: white space, commas and colons. */
  #nextCode(): number {
    let code = this.#text.charCodeAt(this.#at);
    while (separates(code)) {
      this.#at += 1;
      code = this.#text.charCodeAt(this.#at);
    }
    return code;
  }
}

/** RFC 8259 section 2. */
const separates = (code: number): boolean =>
  code === COMMA || code === COLON || code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

const endsLiteral = (code: number): boolean =>
  separates(code) || code === CLOSE_OBJECT || code === CLOSE_ARRAY || Number.isNaN(code);

/**
 * Keys of all objects inside a parsed JSON value, or -1 when one of them is `__proto__`, which sets a prototype as soon
 * as anyone copies the object by assignment. Recursion is safe: the depth was bounded before parsing.
 */
export function countKeys(value: object): number {
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      if (typeof item !== "object" || item === null) continue;
      const inner = countKeys(item);
      if (inner === -1) return -1;
      keys += inner;
    }
    return keys;
  }
  for (const key of Object.keys(value)) {
    if (key === "__proto__") return -1;
    keys += 1;
    const item: unknown = (value as Record<string, unknown>)[key];
    if (typeof item !== "object" || item === null) continue;
    const inner = countKeys(item);
    if (inner === -1) return -1;
    keys += inner;
  }
  return keys;
}

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
