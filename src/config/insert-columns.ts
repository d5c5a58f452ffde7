import { type Pair, isMap, isNode, isScalar, parseDocument } from "yaml";

/**
 * Adds lines to the end of a configuration's `columns`, or of those of one of its `tables`; everything else of its text stays as it is. null where they are no
 * mapping with a column on each line, as they may be within brackets.
 * @param lines as they stand two blanks below a `columns:` at the top
 * @param table its key in `tables`; null: at the top
 */
export function insertColumns(text: string, lines: readonly string[], table: string | null = null): string | null {
  // prettyErrors would put lines of the file, and so its secrets, into the parser's messages.
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true });
  const columns = document.getIn(table === null ? ["columns"] : ["tables", table, "columns"], true);
  if (!isMap(columns) || columns.flow === true) return null;
  const [first, last] = [columns.items.at(0), columns.items.at(-1)].map(placeOf);
  if (first === undefined || last === undefined || first === null || last === null) return null;
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const indent = " ".repeat(first.start - (text.lastIndexOf("\n", first.start - 1) + 1));
  const end = endOfLine(text, text.slice(0, last.end).trimEnd().length);
  const added = lines.map((line) => `${newline}${indent}${line.slice(2)}`).join("");
  return text.slice(0, end) + added + text.slice(end);
}

/** Where a key begins, and its value ends: without comments and white space behind it. */
function placeOf(pair: Pair | undefined): { readonly start: number; readonly end: number } | null {
  const { key, value } = pair ?? {};
  const start = isScalar(key) ? key.range?.[0] : undefined;
  if (start === undefined || !isNode(value)) return null;
  const inner = isMap(value) && value.flow !== true ? placeOf(value.items.at(-1)) : null;
  const end = inner?.end ?? value.range?.[1];
  return end === undefined ? null : { start, end };
}

/** A comment behind a value belongs to it. */
function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  if (end === -1) return text.length;
  return text[end - 1] === "\r" ? end - 1 : end;
}
