import { wordsOf } from "../config/looks-personal.ts";
import type { PathStep } from "../pipeline/contracts.ts";
import type { ExistingColumn } from "./existing-table.ts";

/** What a table's column says of itself when it is to hold no raw value: `masked_ip`, `ip_hash`. */
const MASK_WORDS: ReadonlySet<string> = new Set(["masked", "hashed", "hash", "token", "tokenized", "pseudonym"]);

/** `device.os.name`, `deviceOsName` and `device_os_name` are the same name. */
export const snakeCase = (name: string): string => wordsOf(name.replaceAll(INDEX, "")).join("_") || name;

/** Which element of an array a path leads to is no part of a name. */
const INDEX = /\[\d+\]/g;

/** The name of the field that a column says it holds masked, or null. */
export function maskedFieldOf(column: string): string | null {
  const words = wordsOf(column);
  const rest = MASK_WORDS.has(words[0] ?? "")
    ? words.slice(1)
    : MASK_WORDS.has(words.at(-1) ?? "")
      ? words.slice(0, -1)
      : [];
  return rest.length === 0 ? null : rest.join("_");
}

/**
 * Finds each field its column: one that says that it holds the field masked, before one of the same name in whatever
 * spelling. A field that is left gets the column named as the end of its path, when that is the only such field.
 * @param paths in the order of the fields
 * @returns the column of each field that has one
 */
export function matchColumns(
  paths: readonly string[],
  columns: readonly ExistingColumn[],
): ReadonlyMap<string, ExistingColumn> {
  const free = new Set(columns.filter(({ isGenerated }) => !isGenerated));
  const matches = new Map<string, ExistingColumn>();
  const match = (path: string, isOf: (column: ExistingColumn) => boolean): void => {
    const column = matches.has(path) ? undefined : [...free].find(isOf);
    if (column === undefined) return;
    matches.set(path, column);
    free.delete(column);
  };
  for (const path of paths) match(path, ({ name }) => name === path);
  for (const path of paths) matchMasked(path, snakeCase(path));
  for (const path of paths) match(path, ({ name }) => snakeCase(name) === snakeCase(path));
  for (const path of paths) {
    for (const end of endsOf(path)) {
      const isOnly = paths.filter((other) => !matches.has(other) && endsOf(other).includes(end)).length === 1;
      if (isOnly) match(path, ({ name }) => snakeCase(name) === end || maskedFieldOf(name) === end);
    }
  }
  return matches;

  /** Takes the place of a column of the field's own name: that one then stays empty. */
  function matchMasked(path: string, field: string): void {
    const column = [...free].find(({ name }) => maskedFieldOf(name) === field);
    if (column === undefined) return;
    const plain = matches.get(path);
    if (plain !== undefined) free.add(plain);
    matches.set(path, column);
    free.delete(column);
  }
}

/** `a.b.c` ends with `b_c` and `c`. */
function endsOf(path: string): readonly string[] {
  const steps = path.split(".");
  return steps.slice(1).map((_, index) => snakeCase(steps.slice(index + 1).join(".")));
}

/** What the table takes whole: fields with the name of a column for JSON, or with that at the end of their path. */
export function wholesOf(columns: readonly ExistingColumn[]): (path: readonly PathStep[]) => boolean {
  const names = new Set(columns.filter(({ isJson }) => isJson).map(({ name }) => snakeCase(name)));
  return (path) => names.has(snakeCase(path.join("."))) || names.has(snakeCase(String(path.at(-1))));
}
