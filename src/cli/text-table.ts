/** Rows as aligned columns under their names; numbers to the right. */
export function textTable(rows: ReadonlyArray<Readonly<Record<string, string>>>): string {
  const names = Object.keys(rows[0] ?? {});
  if (names.length === 0) return "  (none)";
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
