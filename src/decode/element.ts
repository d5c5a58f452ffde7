import type { PathStep } from "../pipeline/contracts.ts";

/** An element of an array that has a row of its own, or what it lies in: the event, or what surrounds it. */
export type Element = {
  readonly value: unknown;
  /** Its place in its array, from 0; -1: it is in none. */
  readonly index: number;
  /** The way to it from the body on. */
  readonly path: readonly PathStep[];
  /** null: it is the whole body. */
  readonly parent: Element | null;
};

export const wholeBody = (value: unknown): Element => ({ value, index: -1, path: [], parent: null });

/** What it lies in, so many levels above (`^`). */
export function above(element: Element, levels: number): Element {
  let found = element;
  for (let level = 0; level < levels; level += 1) {
    if (found.parent === null) throw new TypeError("a path leads above the whole body");
    found = found.parent;
  }
  return found;
}
