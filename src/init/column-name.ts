import { personalPartOf } from "../config/looks-personal.ts";
import { IDENTIFIER_BYTES_MAX } from "../config/table-name.ts";
import type { PathStep } from "../pipeline/contracts.ts";
import { snakeCase } from "./match-columns.ts";

/** Leaves room for a number at the end. */
const BYTES_MAX = IDENTIFIER_BYTES_MAX - 4;

/** Says nothing without what it is of. */
const GENERIC: ReadonlySet<string> = new Set(
  (
    "id name type kind value key code version number data text label count size status state title message created time " +
    "timestamp date"
  ).split(" "),
);

/**
 * The names of new columns for fields, in their order: the end of each path, and as much of what is before it as tells it
 * from the others. In snake case, short enough, none twice.
 * @param taken names of columns that are there
 */
export function newNames(
  paths: readonly (readonly PathStep[])[],
  taken: ReadonlySet<string> = new Set(),
): readonly string[] {
  // Which element of an array it is says nothing of what it is.
  const keys = paths.map((path) => path.filter((step) => typeof step === "string"));
  const steps = keys.map((path) => Math.min(path.length, GENERIC.has(snakeCase(path.at(-1) ?? "")) ? 2 : 1));
  const nameOf = (index: number): string =>
    columnName(
      (keys[index] ?? [])
        .slice(-(steps[index] ?? 1))
        .join("_")
        .replaceAll(".", "_"),
    );
  for (let isLonger = true; isLonger;) {
    const counts = new Map<string, number>();
    for (const index of keys.keys()) counts.set(nameOf(index), (counts.get(nameOf(index)) ?? 0) + 1);
    const clashing = [...keys.keys()].filter((index) => {
      const [name, path = []] = [nameOf(index), keys[index]];
      if ((steps[index] ?? 0) >= path.length) return false;
      // `full_name` alone would be a person's, and not the repository's that it is of.
      const misleads = personalPartOf(name) !== null && personalPartOf(path.join(".")) === null;
      return (counts.get(name) ?? 0) > 1 || taken.has(name) || misleads;
    });
    for (const index of clashing) steps[index] = (steps[index] ?? 0) + 1;
    isLonger = clashing.length > 0;
  }
  const given = new Set(taken);
  return keys.map((_, index) => numbered(nameOf(index), given));
}

/** In snake case; digits stay with the letters that they follow: `line1`, `s3`. */
function columnName(words: string): string {
  const lower = words.toLowerCase();
  return snakeCase(words).replaceAll(/(\p{L}+)_(\p{N}+)(?=_|$)/gu, (apart, letters: string, digits: string) =>
    lower.includes(letters + digits) ? letters + digits : apart,
  );
}

/** Adds the name to those given. */
function numbered(words: string, given: Set<string>): string {
  // With a digit first, SQL would need quotes around it; and a key of digits alone is moved before all others when read.
  const base = cut(/^\d/.test(words) ? `_${words}` : words);
  let name = base;
  for (let number = 2; given.has(name); number += 1) name = `${base}_${number}`;
  given.add(name);
  return name;
}

function cut(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > BYTES_MAX) short = Array.from(short).slice(0, -1).join("");
  return short;
}
