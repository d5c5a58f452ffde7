import type { PathStep, Result } from "../pipeline/contracts.ts";

/** What needs no quotes: as programs name things. */
const PLAIN = /^[\p{L}\p{N}_$][\p{L}\p{M}\p{N}_$-]*$/u;
/** Where a part without quotes ends, and what it cannot hold. */
const ENDS_PLAIN = /[.[\]"]/g;
const INDEX = /^(?:0|[1-9]\d{0,8})$/;

const EXAMPLE = "it must be a field, or a path such as device.os.name";
const INDEX_EXAMPLE = "an index is a whole number from 0 in brackets, as in items[0].sku";
const QUOTED_EXAMPLE = 'put a name with dots or brackets in double quotes, as in "user.id".name';

/**
 * Reads a path into JSON: keys with periods between them, each of them followed by indexes of arrays in brackets, where it has
 * any: `a.b`, `a[0].b`, `a[0][1]`. A key with a period, a bracket, a quote or a leading `@` is written as JSON writes a string:
 * `"user.id".name`. The error is "what is wrong; what would be right" and names the part by its number, to follow the name of
 * the setting.
 */
export function parsePath(text: string): Result<readonly PathStep[], string> {
  const path: PathStep[] = [];
  let at = 0;
  for (let part = 1; ; part += 1) {
    const wrong = (what: string, right: string): Result<never, string> => ({
      ok: false,
      error: `${what.replace("PART", `part ${part}`)}; ${right}`,
    });
    if (text[at] === '"') {
      const end = closingQuote(text, at);
      if (end === -1) return wrong("has no closing quote in PART", QUOTED_EXAMPLE);
      const key = parseString(text.slice(at, end + 1));
      if (key === null) return wrong("has no JSON string within the quotes of PART", QUOTED_EXAMPLE);
      path.push(key);
      at = end + 1;
    } else {
      ENDS_PLAIN.lastIndex = at;
      const end = ENDS_PLAIN.exec(text)?.index ?? text.length;
      if (end === at && text[at] === "[") return wrong("has an index without a name before it in PART", INDEX_EXAMPLE);
      if (text[end] === '"') return wrong("has a quote inside of PART", QUOTED_EXAMPLE);
      if (end === at && text[at] !== "]") return wrong("has an empty part (PART)", EXAMPLE);
      path.push(text.slice(at, end));
      at = end;
    }
    while (text[at] === "[") {
      const end = text.indexOf("]", at);
      if (end === -1) return wrong("has a bracket that is not closed in PART", INDEX_EXAMPLE);
      const index = text.slice(at + 1, end);
      if (!INDEX.test(index)) return wrong("has no possible index in PART", INDEX_EXAMPLE);
      path.push(Number(index));
      at = end + 1;
    }
    if (at === text.length) return { ok: true, value: path };
    if (text[at] === "]") return wrong("has a bracket that was not opened in PART", INDEX_EXAMPLE);
    if (text[at] !== ".") return wrong("has something behind the quotes or brackets of PART", QUOTED_EXAMPLE);
    at += 1;
  }
}

/** The text that `parsePath` reads as the path. */
export function renderPath(path: readonly PathStep[]): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      return `${index === 0 ? "" : "."}${PLAIN.test(step) ? step : JSON.stringify(step)}`;
    })
    .join("");
}

/** Where the JSON string that opens at `open` closes, or -1. */
function closingQuote(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/** null: a control character or an unknown escape. */
function parseString(json: string): string | null {
  try {
    return JSON.parse(json) as string;
  } catch {
    return null;
  }
}
