import { RARE_COUNTS, type RareCounts, rareCountsOf } from "../pipeline/rare-counts.ts";
import type { Totals } from "../pipeline/totals.ts";
import type { Terminal } from "./terminal.ts";

/** `12 events`, `1 event`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** Why, for the audit: a reason of blanks is none. */
export function reasonOf(text: string | null): string | null {
  const reason = text?.trim() ?? "";
  return reason === "" ? null : reason;
}

/** Follows the number of duplicates: how many of them were not the event that is stored under their id. */
export const differingOf = ({ differing = 0 }: Pick<Totals, "duplicate" | "differing">): string =>
  differing === 0 ? "" : ` (${differing} with other content than the event stored under their id)`;

/** Events without a table, and what became of rows in tables with `onConflict`; empty while there is none. */
export function rareText({ dropped = 0, inserted = 0, updated = 0, ignored = 0 }: Readonly<RareCounts>): string {
  const ofRows = inserted + updated + ignored > 0;
  return (
    (dropped > 0 ? `, dropped ${dropped} that no table takes` : "") +
    (ofRows ? ` (rows by onConflict: inserted ${inserted}, updated ${updated}, ignored ${ignored})` : "")
  );
}

/** The same for JSON: of what would be done under other names. */
export function rareJson(totals: Readonly<RareCounts>, isDryRun: boolean): object {
  const counts = rareCountsOf(totals);
  if (!isDryRun) return counts;
  return Object.fromEntries(
    RARE_COUNTS.flatMap((name) => (counts[name] === undefined ? [] : [[WOULD[name], counts[name]]])),
  );
}

const WOULD = {
  dropped: "wouldDrop",
  inserted: "wouldInsert",
  updated: "wouldUpdate",
  ignored: "wouldIgnore",
} as const satisfies Readonly<Record<keyof RareCounts, string>>;

const UNITS = [
  [86_400_000, "d", 3_600_000, "h"],
  [3_600_000, "h", 60_000, "min"],
  [60_000, "min", 1_000, "s"],
] as const;

/** A duration for people, with two figures that matter: `0.4 ms`, `23 ms`, `4.2 s`, `3 min 20 s`, `2 d 4 h`. */
export function showMs(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${Math.round(ms / (ms < 9_950 ? 100 : 1_000)) / (ms < 9_950 ? 10 : 1)} s`;
  const [size, unit, small, smallUnit] = UNITS.find(([length]) => ms >= length - 500) ?? UNITS[2];
  const wholes = Math.floor((ms + small / 2) / small);
  const perUnit = size / small;
  const rest = wholes % perUnit;
  return `${Math.floor(wholes / perUnit)} ${unit}${rest === 0 ? "" : ` ${rest} ${smallUnit}`}`;
}

const WHOLE_UNITS = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
] as const;

/** In the largest unit that divides it: `4 days`, `90 seconds`. */
export function showSeconds(seconds: number): string {
  const [size, unit] = WHOLE_UNITS.find(([length]) => seconds >= length && seconds % length === 0) ?? [1, "second"];
  return counted(seconds / size, unit);
}

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
