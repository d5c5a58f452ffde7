const ASCII_END = 0x80;
/** So many children of a node are gone through one by one. More have needles of many different values alone. */
const SIBLINGS_MAX = 32;

/** Told of each place where a needle ends; false ends the search. */
type Found = (needle: number, end: number) => boolean;

/**
 * Finds many texts in another in one pass (Aho and Corasick, 1975). It takes two steps at most for each character of the
 * text, whatever the texts are: the search of the engine takes as many as the product of both lengths.
 */
export class NeedleSearch {
  readonly #ofAscii = new Int32Array(ASCII_END);
  /** Of each node: its character, its first child and next sibling, and the node of its longest suffix. 0: none. */
  readonly #codes: Uint16Array;
  readonly #children: Int32Array;
  readonly #siblings: Int32Array;
  readonly #suffixes: Int32Array;
  /** The node itself when a needle ends there, or else its longest suffix at which one does. */
  readonly #ends: Int32Array;
  readonly #needles: Int32Array;
  /** The children of nodes with very many, by their characters: their siblings are not gone through. */
  readonly #crowds = new Map<number, Map<number, number>>();
  #nodes = 1;

  /** @param needles none is empty; of equal ones, only the first is told of */
  constructor(needles: readonly string[]) {
    let units = 1;
    for (const needle of needles) units += needle.length;
    this.#codes = new Uint16Array(units);
    this.#children = new Int32Array(units);
    this.#siblings = new Int32Array(units);
    this.#suffixes = new Int32Array(units);
    this.#ends = new Int32Array(units);
    this.#needles = new Int32Array(units).fill(-1);
    for (const [index, needle] of needles.entries()) this.#add(needle, index);
    this.#linkSuffixes();
  }

  #add(needle: string, index: number): void {
    let node = 0;
    for (let at = 0; at < needle.length; at += 1) {
      const code = needle.charCodeAt(at);
      let child = this.#child(node, code);
      if (child === 0) {
        child = this.#nodes;
        this.#nodes += 1;
        this.#codes[child] = code;
        this.#siblings[child] = this.#children[node] ?? 0;
        this.#children[node] = child;
        this.#noteCrowd(node, code, child);
        if (node === 0 && code < ASCII_END) this.#ofAscii[code] = child;
      }
      node = child;
    }
    if (this.#needles[node] === -1) this.#needles[node] = index;
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
    const queue = [0];
    for (const node of queue) {
      for (let child = this.#children[node] ?? 0; child !== 0; child = this.#siblings[child] ?? 0) {
        const suffix = node === 0 ? 0 : this.#next(this.#suffixes[node] ?? 0, this.#codes[child] ?? 0);
        this.#suffixes[child] = suffix;
        this.#ends[child] = this.#needles[child] === -1 ? (this.#ends[suffix] ?? 0) : child;
        queue.push(child);
      }
    }
  }

  #next(from: number, code: number): number {
    for (let node = from; node !== 0; node = this.#suffixes[node] ?? 0) {
      const child = this.#child(node, code);
      if (child !== 0) return child;
    }
    return code < ASCII_END ? (this.#ofAscii[code] ?? 0) : this.#child(0, code);
  }

  /** @returns whether it came to the end */
  search(codes: Uint16Array, length: number, found: Found): boolean {
    // As locals, and without a call for each character: half the time.
    const ofAscii = this.#ofAscii;
    const chars = this.#codes;
    const children = this.#children;
    const siblings = this.#siblings;
    const suffixes = this.#suffixes;
    const ends = this.#ends;
    let node = 0;
    for (let at = 0; at < length; at += 1) {
      const code = codes[at] ?? 0;
      let child = 0;
      while (node !== 0) {
        child = children[node] ?? 0;
        for (let steps = 0; child !== 0 && chars[child] !== code; steps += 1) {
          child = steps === SIBLINGS_MAX ? (this.#crowds.get(node)?.get(code) ?? 0) : (siblings[child] ?? 0);
          if (steps === SIBLINGS_MAX) break;
        }
        if (child !== 0) break;
        node = suffixes[node] ?? 0;
      }
      if (node === 0) child = code < ASCII_END ? (ofAscii[code] ?? 0) : this.#child(0, code);
      node = child;
      for (let end = ends[node] ?? 0; end !== 0; end = ends[suffixes[end] ?? 0] ?? 0) {
        if (!found(this.#needles[end] ?? 0, at + 1)) return false;
      }
    }
    return true;
  }
}
