import type { ColumnType, RawValue } from "../pipeline/contracts.ts";

/** Types whose values are written in one way, whichever way the event has them. Others only change case and separators. */
export const RESPELLED_TYPES: ReadonlySet<ColumnType> = new Set(["phone", "timestamp", "date", "decimal"]);

/**
 * The text of a masked value as the event has it, where whoever looks for the value as it was read would not find that: it
 * neither holds the value nor is its time in UTC. null: they would.
 */
export function givenTextOf(value: unknown, read: RawValue): string | null {
  if (typeof value !== "number" && typeof value !== "string") return null;
  const text = String(value);
  return text === "" || text.includes(String(read)) || /[Zz]$/.test(text) ? null : text;
}
