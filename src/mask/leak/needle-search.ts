const ASCII_END = 0x80;
/** So many children of a node are gone through one by one. More have needles of many different values alone. */
const SIBLINGS_MAX = 32;

/** Of a needle's characters no more are searched for. */
const SEARCHED_CHARS_MAX = 256;
/** Of very many needles fewer are, but not fewer than this, or than tell a needle from all others. */
const SEARCHED_CHARS_MIN = 32;
/** Characters of all needles together from which on they are very many. */
const MANY_CHARS = 65_536;
const NODES_MAX = 4 * MANY_CHARS;
/** A shorter text is searched before a table is made, and of more nodes it would be too large. */
const TABLE_CHARS_MIN = 32_768;
const TABLE_NODES_MAX = 8_192;

/**
 * Told of each place where what is searched for of a needle ends, and how many characters that is: all of a short one. What is
 * left of the others is for the caller to compare. False ends the search.
 */
type Found = (needle: number, end: number, searchedChars: number) => boolean;

/**
 * Finds many texts in another in one pass (Aho and Corasick, 1975). It takes two steps at most for each character of the
 * text, whatever the texts are: the search of the engine takes as many as the product of both lengths.
 */
export class NeedleSearch {
  readonly #ofAscii = new Int32Array(ASCII_END);
  readonly #passedOver = new Uint8Array(ASCII_END);
  /** Of each node: its character, its first child and next sibling, and the node of its longest suffix. 0: none. */
  readonly #codes: Uint16Array;
  readonly #children: Int32Array;
  readonly #siblings: Int32Array;
  readonly #suffixes: Int32Array;
  /** The node itself when a needle ends there, or else its longest suffix at which one does. */
  readonly #ends: Int32Array;
  /** Of each node: the first needle that ends there. -1: none. */
  readonly #needles: Int32Array;
  /** Of each needle: the next one that ends at the same node. -1: none. */
  readonly #alike: Int32Array;
  readonly #searchedChars: Uint16Array;
  /** All nodes, the root first. */
  readonly #byDepth: Int32Array;
  /** The children of nodes with very many, by their characters: their siblings are not gone through. */
  readonly #crowds = new Map<number, Map<number, number>>();
  #nodes = 1;
  /** Of each node and each character of ASCII: the node after it. null: not made, or too large. */
  #table: Uint16Array | null = null;
  #hasOthers = false;

  /**
   * @param needles none is empty
   * @param isPassedOver which characters of ASCII may stand between those of a needle, which has none of them
   */
  constructor(needles: readonly string[], isPassedOver?: (code: number) => boolean) {
    if (isPassedOver !== undefined) {
      for (let code = 0; code < ASCII_END; code += 1) this.#passedOver[code] = isPassedOver(code) ? 1 : 0;
    }
    this.#searchedChars = searchedChars(needles);
    let units = 1;
    for (const chars of this.#searchedChars) units += chars;
    this.#codes = new Uint16Array(units);
    this.#children = new Int32Array(units);
    this.#siblings = new Int32Array(units);
    this.#suffixes = new Int32Array(units);
    this.#ends = new Int32Array(units);
    this.#needles = new Int32Array(units).fill(-1);
    this.#alike = new Int32Array(needles.length).fill(-1);
    // The last one first: of those that end at one node, the first is to be told of first.
    for (let index = needles.length - 1; index >= 0; index -= 1) this.#add(needles[index] ?? "", index);
    this.#byDepth = new Int32Array(this.#nodes);
    this.#linkSuffixes();
  }

  #add(needle: string, index: number): void {
    const chars = this.#searchedChars[index] ?? 0;
    let node = 0;
    for (let at = 0; at < chars; at += 1) {
      const code = needle.charCodeAt(at);
      let child = this.#child(node, code);
      if (child === 0) {
        child = this.#nodes;
        this.#nodes += 1;
        this.#codes[child] = code;
        this.#siblings[child] = this.#children[node] ?? 0;
        this.#children[node] = child;
        this.#noteCrowd(node, code, child);
        if (code >= ASCII_END) this.#hasOthers = true;
        else if (node === 0) this.#ofAscii[code] = child;
      }
      node = child;
    }
    this.#alike[index] = this.#needles[node] ?? -1;
    this.#needles[node] = index;
  }

  #child(node: number, code: number): number {
    let child = this.#children[node] ?? 0;
    for (let steps = 0; child !== 0 && this.#codes[child] !== code; steps += 1) {
      if (steps === SIBLINGS_MAX) return this.#crowds.get(node)?.get(code) ?? 0;
      child = this.#siblings[child] ?? 0;
    }
    return child;
  }

  #noteCrowd(node: number, code: number, child: number): void {
    const crowd = this.#crowds.get(node);
    if (crowd !== undefined) {
      crowd.set(code, child);
      return;
    }
    let count = 0;
    for (let next = child; next !== 0 && count <= SIBLINGS_MAX; next = this.#siblings[next] ?? 0) count += 1;
    if (count <= SIBLINGS_MAX) return;
    const children = new Map<number, number>();
    for (let next = child; next !== 0; next = this.#siblings[next] ?? 0) children.set(this.#codes[next] ?? 0, next);
    this.#crowds.set(node, children);
  }

  #linkSuffixes(): void {
    let queued = 1;
    for (const node of this.#byDepth) {
      for (let child = this.#children[node] ?? 0; child !== 0; child = this.#siblings[child] ?? 0) {
        const suffix = node === 0 ? 0 : this.#next(this.#suffixes[node] ?? 0, this.#codes[child] ?? 0);
        this.#suffixes[child] = suffix;
        this.#ends[child] = this.#needles[child] === -1 ? (this.#ends[suffix] ?? 0) : child;
        this.#byDepth[queued++] = child;
      }
    }
  }

  #next(from: number, code: number): number {
    if (code < ASCII_END && this.#passedOver[code] === 1) return from;
    if (code >= ASCII_END && !this.#hasOthers) return 0;
    for (let node = from; node !== 0; node = this.#suffixes[node] ?? 0) {
      const child = this.#child(node, code);
      if (child !== 0) return child;
    }
    return code < ASCII_END ? (this.#ofAscii[code] ?? 0) : this.#child(0, code);
  }

  /** @returns whether it came to the end */
  search(codes: Uint16Array, length: number, found: Found): boolean {
    if (length >= TABLE_CHARS_MIN && this.#nodes <= TABLE_NODES_MAX) this.#table ??= this.#newTable();
    const table = this.#table;
    const ends = this.#ends;
    let node = 0;
    for (let at = 0; at < length; at += 1) {
      const code = codes[at] ?? 0;
      if (table !== null && code < ASCII_END) node = table[node * ASCII_END + code] ?? 0;
      else if (node === 0 && code < ASCII_END) node = this.#ofAscii[code] ?? 0;
      else node = this.#next(node, code);
      // What is passed over ends nothing: it stands behind what was told of.
      if (ends[node] !== 0 && this.#passedOver[code] !== 1 && !this.#tell(node, at + 1, found)) return false;
    }
    return true;
  }

  /** A row for each node, from that of its suffix, which is less deep. */
  #newTable(): Uint16Array {
    const table = new Uint16Array(this.#nodes * ASCII_END);
    table.set(this.#ofAscii);
    for (const node of this.#byDepth) {
      const row = node * ASCII_END;
      if (node !== 0) {
        const suffixRow = (this.#suffixes[node] ?? 0) * ASCII_END;
        table.copyWithin(row, suffixRow, suffixRow + ASCII_END);
      }
      for (let child = this.#children[node] ?? 0; child !== 0; child = this.#siblings[child] ?? 0) {
        const code = this.#codes[child] ?? 0;
        if (code < ASCII_END) table[row + code] = child;
      }
      for (let code = 0; code < ASCII_END; code += 1) {
        if (this.#passedOver[code] === 1) table[row + code] = node;
      }
    }
    return table;
  }

  #tell(node: number, at: number, found: Found): boolean {
    for (let end = this.#ends[node] ?? 0; end !== 0; end = this.#ends[this.#suffixes[end] ?? 0] ?? 0) {
      for (let index = this.#needles[end] ?? -1; index !== -1; index = this.#alike[index] ?? -1) {
        if (!found(index, at, this.#searchedChars[index] ?? 0)) return false;
      }
    }
    return true;
  }
}

/** How many of each needle's characters are searched for: so that all needles together take no more than so many nodes. */
function searchedChars(needles: readonly string[]): Uint16Array {
  const chars = Uint16Array.from(needles, ({ length }) => Math.min(length, SEARCHED_CHARS_MAX));
  let total = 0;
  let longest = 0;
  for (const count of chars) {
    total += count;
    longest = Math.max(longest, count);
  }
  if (total <= MANY_CHARS || longest <= SEARCHED_CHARS_MIN) return chars;
  const even = Math.max(SEARCHED_CHARS_MIN, Math.floor(MANY_CHARS / needles.length));
  const order = Array.from(needles.keys()).sort((a, b) => ((needles[a] ?? "") < (needles[b] ?? "") ? -1 : 1));
  const telling = chars.map((count) => Math.min(count, even));
  let nodes = 0;
  let sharedBefore = 0;
  for (const [at, index] of order.entries()) {
    const needle = needles[index] ?? "";
    const sharedBehind = sharedChars(needle, needles[order[at + 1] ?? -1] ?? "");
    const count = Math.min(chars[index] ?? 0, Math.max(even, sharedBefore + 1, sharedBehind + 1));
    telling[index] = count;
    nodes += Math.max(0, count - sharedBefore);
    sharedBefore = sharedBehind;
  }
  return nodes <= NODES_MAX ? telling : chars.map((count) => Math.min(count, even));
}

/** How many characters two texts begin with alike, counted up to what is searched for. */
function sharedChars(a: string, b: string): number {
  let at = 0;
  while (at < SEARCHED_CHARS_MAX && at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}
