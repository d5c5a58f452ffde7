import type { Terminal } from "./terminal.ts";

type TableRow = Readonly<Record<string, string>>;

export interface TableFit {
  /** Characters of a line: what is wider is made to fit. */
  readonly charsMax: number;
  /** Columns that may be left out where there is no room, the first of them first; `--json` has them all. */
  readonly droppable?: readonly string[];
}

const ANY_WIDTH: TableFit = { charsMax: Infinity };

/** A terminal would break longer lines, and so the table; a pipe or a file takes any. */
export const charsMaxOf = ({ outIsTerminal, columns }: Pick<Terminal, "outIsTerminal" | "columns">): number =>
  outIsTerminal ? columns() : Infinity;

/**
 * Rows as aligned columns under their names; numbers to the right. What is too wide loses columns that may be left out, and is
 * written with one field a line where that does not help.
 */
export function textTable(rows: readonly TableRow[], { charsMax, droppable = [] }: TableFit = ANY_WIDTH): string {
  const names = Object.keys(rows[0] ?? {});
  if (names.length === 0) return "  (none)";
  const isFitting = (table: string): boolean => table.split("\n").every((line) => line.length <= charsMax);
  const whole = aligned(rows, names);
  if (isFitting(whole)) return whole;
  const dropped: string[] = [];
  for (const name of droppable.filter((candidate) => names.includes(candidate))) {
    dropped.push(name);
    const table = aligned(
      rows,
      names.filter((other) => !dropped.includes(other)),
    );
    if (isFitting(table)) return `${table}\n  (no room for ${dropped.join(", ")}: see --json)`;
  }
  const nameChars = Math.max(...names.map((name) => name.length));
  return rows
    .map((row) => names.map((name) => `  ${name.padEnd(nameChars)}  ${row[name] ?? ""}`.trimEnd()).join("\n"))
    .join("\n\n");
}

function aligned(rows: readonly TableRow[], names: readonly string[]): string {
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => row[name]?.length ?? 0)));
  const isNumeric = names.map((name) => rows.every((row) => /^-?\d+$/.test(row[name] ?? "")));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, index) => (isNumeric[index] ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0))).join("  ")}`.trimEnd();
  return [
    line(names),
    line(widths.map((width) => "─".repeat(width))),
    ...rows.map((row) => line(names.map((name) => row[name] ?? ""))),
  ].join("\n");
}
