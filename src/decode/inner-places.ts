import type { InnerStep } from "../pipeline/contracts.ts";
import { endOfValue, skipSpace } from "./raw-value-at.ts";
import { CLOSE_ARRAY, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE, closingQuote } from "./scan-json.ts";

/** A value that one of the paths leads to, as it is written in the text: `end` is behind it. */
export interface JsonPlace {
  /** The place of its path among the paths. */
  readonly path: number;
  readonly start: number;
  readonly end: number;
}

export interface PlacesFound {
  /** In the text's order; none overlaps another. Values that are null are left out. */
  readonly places: readonly JsonPlace[];
  /** A path to which there is something else on the way than an object or array, as it says, or null. null: none. */
  readonly barred: number | null;
}

/** All paths together: what to look for in a value. */
interface PathNode {
  /** The first of the paths that lead through it. */
  readonly path: number;
  isEnd: boolean;
  readonly keys: Map<string, PathNode>;
  each: PathNode | null;
}

/**
 * Prepares the search for the values that the paths lead to in a JSON text. Of the paths none leads to, or into, what
 * another one leads to. The result looks at each character of the text once, and follows no other values than those of the
 * paths. `json` must be JSON in which no object names a key twice.
 */
export function compilePaths(paths: readonly (readonly InnerStep[])[]): (json: string) => PlacesFound {
  const root = newNode(0);
  for (const [index, path] of paths.entries()) {
    let node = root;
    for (const step of path) node = childOf(node, step, index);
    node.isEnd = true;
  }
  return (json) => {
    const search: Search = { json, places: [], barred: null };
    findIn(search, root, skipSpace(json, 0));
    return search;
  };
}

function childOf(node: PathNode, step: InnerStep, index: number): PathNode {
  if (step === null) return (node.each ??= newNode(index));
  const known = node.keys.get(step);
  if (known !== undefined) return known;
  const made = newNode(index);
  node.keys.set(step, made);
  return made;
}

const newNode = (path: number): PathNode => ({ path, isEnd: false, keys: new Map(), each: null });

interface Search {
  readonly json: string;
  readonly places: JsonPlace[];
  barred: number | null;
}

const NULL = "null";

/** Recursion is as deep as the paths are long. `start` is where a value begins. Gives where the value's end is known to be. */
function findIn(search: Search, node: PathNode, start: number): number {
  const { json } = search;
  const code = json.charCodeAt(start);
  if (!node.isEnd && code === OPEN_OBJECT && node.each === null) return findInObject(search, node, start);
  if (!node.isEnd && code === OPEN_ARRAY && node.each !== null) return findInArray(search, node.each, start);
  const end = endOfValue(json, start);
  if (json.startsWith(NULL, start)) return end;
  if (node.isEnd) search.places.push({ path: node.path, start, end: trimmedEnd(json, start, end) });
  else search.barred ??= node.path;
  return end;
}

function findInObject(search: Search, node: PathNode, open: number): number {
  const { json } = search;
  let at = skipSpace(json, open + 1);
  while (json.charCodeAt(at) === QUOTE) {
    const closing = closingQuote(json, at);
    const key = json.slice(at + 1, closing);
    // Parsed when escaped, because "ip" and "\u0069p" are the same key.
    const child = node.keys.get(key.includes("\\") ? (JSON.parse(`"${key}"`) as string) : key);
    const start = skipSpace(json, skipSpace(json, closing + 1) + 1);
    at = skipSpace(json, child === undefined ? endOfValue(json, start) : findIn(search, child, start));
    if (json.charCodeAt(at) === COMMA) at = skipSpace(json, at + 1);
  }
  return at + 1;
}

function findInArray(search: Search, each: PathNode, open: number): number {
  const { json } = search;
  let at = skipSpace(json, open + 1);
  while (at < json.length && json.charCodeAt(at) !== CLOSE_ARRAY) {
    const end = skipSpace(json, findIn(search, each, at));
    // Of JSON, nothing else stands there; of anything else, the search must end, too.
    if (json.charCodeAt(end) !== COMMA) return end + 1;
    at = skipSpace(json, end + 1);
  }
  return at + 1;
}

/** Without the white space before the comma or bracket behind the value. */
function trimmedEnd(json: string, start: number, end: number): number {
  let last = end;
  while (last > start + 1 && json.charCodeAt(last - 1) <= SPACE) last -= 1;
  return last;
}

const SPACE = 0x20;
