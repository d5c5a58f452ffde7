import { IDENTIFIER_BYTES_MAX } from "../config/table-name.ts";
import { snakeCase } from "./match-columns.ts";

/** Leaves room for a number at the end. */
const BYTES_MAX = IDENTIFIER_BYTES_MAX - 4;

/** The name of a new column for a field: in snake case, short enough, and no other's. Adds it to the names taken. */
export function newName(from: string, taken: Set<string>): string {
  const words = snakeCase(from.replaceAll(".", "_"));
  // With a digit first, SQL would need quotes around it; and a key of digits alone is moved before all others when read.
  const base = cut(/^\d/.test(words) ? `_${words}` : words);
  let name = base;
  for (let number = 2; taken.has(name); number += 1) name = `${base}_${number}`;
  taken.add(name);
  return name;
}

function cut(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > BYTES_MAX) short = Array.from(short).slice(0, -1).join("");
  return short;
}
