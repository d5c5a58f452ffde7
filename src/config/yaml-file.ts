import {
  type Document,
  type ErrorCode,
  LineCounter,
  type Node,
  type Pair,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
} from "yaml";
import type { LocatedProblem, Problem } from "./check-input.ts";
import { type Environment, findReferences, interpolate } from "./interpolate.ts";

/** What is wrong and what would be right. */
export type YamlFault = readonly [what: string, remedy: string];

const INDENT: YamlFault = [
  "the indentation does not fit, or a bracket above is not closed",
  "begin the keys of one mapping at the same column, with spaces, and close each [ and {",
];
const STRUCTURE: YamlFault = ["this is no YAML", "write `key: value`, and put texts with special characters in quotes"];
const PLAIN: YamlFault = ["anchors, tags and directives are not supported", "write the plain value"];

/** In our own words: the parser's would quote the file. Exhaustive, so that an update of the parser shows here. */
const YAML_FAULTS: Readonly<Record<ErrorCode, YamlFault>> = {
  ALIAS_PROPS: PLAIN,
  BAD_ALIAS: PLAIN,
  BAD_COLLECTION_TYPE: PLAIN,
  BAD_DIRECTIVE: PLAIN,
  BAD_DQ_ESCAPE: [
    "an escape in a double-quoted text is unknown",
    "double the backslash, or put the text in single quotes",
  ],
  BAD_INDENT: INDENT,
  BAD_PROP_ORDER: PLAIN,
  BAD_SCALAR_START: [
    "a text begins with a character that YAML keeps for itself",
    'put it in quotes, as in from: "@sent_at"',
  ],
  BLOCK_AS_IMPLICIT_KEY: ["a second `key:` stands on the line", "put it on its own line, or the text in quotes"],
  BLOCK_IN_FLOW: ["a bracket is not closed", "close it before the next line's key, or use no brackets"],
  DUPLICATE_KEY: ["the key is there twice", "keep one of them"],
  IMPOSSIBLE: STRUCTURE,
  KEY_OVER_1024_CHARS: ["a key is too long", "check that a quote is not missing"],
  MISSING_CHAR: ["a quote, bracket, comma or colon is missing", "add it"],
  MULTILINE_IMPLICIT_KEY: ["a text over several lines stands where a key is due", "write `key: value`"],
  MULTIPLE_ANCHORS: PLAIN,
  MULTIPLE_DOCS: ["the file holds several YAML documents", "keep one pipeline in a file, without a second ---"],
  MULTIPLE_TAGS: PLAIN,
  NON_STRING_KEY: ["a key is not text", "write a plain name before the colon"],
  RESOURCE_EXHAUSTION: ["the file is nested too deeply", "check its brackets"],
  TAB_AS_INDENT: ["a tab indents the line", "use spaces"],
  TAG_RESOLVE_FAILED: PLAIN,
  UNEXPECTED_TOKEN: STRUCTURE,
};

/** `{ rows: ${ROWS} }`: within brackets YAML takes the reference's own brace for another mapping. */
const REFERENCE_IN_BRACKETS: YamlFault = [
  "an environment reference stands within { } or [ ] without quotes",
  'put it in quotes: "${NAME}"',
];
const EMPTY_FILE: YamlFault = ["the file is empty", "it must have the keys source, sink and columns"];
const ANCHOR: YamlFault = PLAIN;

type Path = readonly string[];

/** Offsets in the text. The document itself has no key. */
interface Place {
  readonly key: number | null;
  readonly value: number;
}

/** What a YAML file holds, with environment references replaced, and where each part of it stands. */
export class YamlFile {
  readonly value: unknown;
  /** The paths of values that the environment gave: they are text, whatever they look like. */
  readonly referencePaths: readonly Path[];
  /** False when the file is not YAML: its value then means nothing. */
  readonly isReadable: boolean;

  readonly #problems: (Problem & { readonly offset: number })[] = [];
  readonly #places = new Map<string, Place>();
  readonly #text: string;
  readonly #env: Environment;
  readonly #lines = new LineCounter();
  readonly #references: Path[] = [];
  readonly #unresolved = new Set<string>();

  constructor(text: string, env: Environment) {
    this.#text = text;
    this.#env = env;
    // prettyErrors would put lines of the file, and so its secrets, into the parser's messages.
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, stringKeys: true });
    this.isReadable = this.#takeFaults(document);
    this.value = this.isReadable && document.contents !== null ? this.#read(document.contents, [], null) : null;
    if (this.isReadable && this.value === null) this.#fault(EMPTY_FILE, 0);
    this.referencePaths = this.#references;
  }

  /** The file's own problems and the given ones about its value, in the file's order, each with its place. */
  locate(problems: readonly Problem[], file: string): readonly LocatedProblem[] {
    // A reference that could not be resolved left an empty text, which is no second problem.
    const found = problems
      .filter(({ path, at }) => at === "key" || !this.#unresolved.has(pathKey(path)))
      .map((problem) => ({ ...problem, offset: this.#offsetOf(problem) }));
    return [...this.#problems, ...found]
      .toSorted((a, b) => a.offset - b.offset)
      .map((problem) => {
        const { line, col } = this.#lines.linePos(problem.offset);
        return { ...problem, place: `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}: ` };
      });
  }

  #offsetOf({ path, at }: Problem): number {
    const own = this.#places.get(pathKey(path));
    if (own !== undefined) return at === "key" ? (own.key ?? own.value) : own.value;
    if (path.length === 0) return 0;
    return this.#offsetOf({ path: path.slice(0, -1), at: "key", what: "", remedy: "" });
  }

  /** Returns whether the document's structure can be relied on. */
  #takeFaults(document: Document.Parsed): boolean {
    let isReadable = true;
    const lines = new Set<number>();
    for (const { code, pos } of [...document.errors, ...document.warnings]) {
      const [offset] = pos;
      if (code !== "DUPLICATE_KEY") isReadable = false;
      // What follows a fault on the same line is mostly its echo.
      const { line } = this.#lines.linePos(offset);
      if (lines.has(line)) continue;
      lines.add(line);
      const isReference = this.#text.slice(offset - 1, offset + 1) === "${";
      this.#fault(isReference ? REFERENCE_IN_BRACKETS : YAML_FAULTS[code], offset);
    }
    return isReadable;
  }

  #fault([what, remedy]: YamlFault, offset: number, path: Path = []): void {
    this.#problems.push({ path, at: "value", what, remedy, offset });
  }

  #read(node: Node, path: Path, key: number | null): unknown {
    const start = node.range?.[0] ?? key ?? 0;
    this.#places.set(pathKey(path), { key, value: start });
    if (isMap(node)) {
      return Object.fromEntries((node.items as Pair<Node, Node | null>[]).map((pair) => this.#readPair(pair, path)));
    }
    if (isSeq(node)) return node.items.map((item, index) => this.#read(item as Node, [...path, String(index)], null));
    if (isAlias(node)) {
      this.#fault(ANCHOR, start, path);
      this.#unresolved.add(pathKey(path));
      return null;
    }
    if (!isScalar(node)) return null;
    return typeof node.value === "string" ? this.#readText(node.value, start, node, path) : node.value;
  }

  #readPair({ key, value }: Pair<Node, Node | null>, path: Path): [string, unknown] {
    const name = isScalar(key) ? String(key.value) : "";
    const start = key.range?.[0] ?? 0;
    const own = [...path, name];
    if (value !== null) return [name, this.#read(value, own, start)];
    this.#places.set(pathKey(own), { key: start, value: start });
    return [name, null];
  }

  #readText(text: string, start: number, node: Node, path: Path): string {
    const result = interpolate(text, this.#env);
    if (result.hasReferences) this.#references.push(path);
    if (result.problems.length > 0) this.#unresolved.add(pathKey(path));
    // Escapes and line folding move a reference within its scalar: its place is looked up in the source.
    const offsets = findReferences(this.#text.slice(start, node.range?.[1]));
    for (const { reference, what, remedy } of result.problems) {
      this.#fault([what, remedy], start + (offsets[reference] ?? 0), path);
    }
    return result.text;
  }
}

function pathKey(path: Path): string {
  return JSON.stringify(path);
}
