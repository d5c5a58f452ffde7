import { type LookupReport, type TokenReport, lookUpValue } from "../../app/search/look-up-value.ts";
import type { Search } from "../../app/search/open-search.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { charsMaxOf, counted, textTable } from "../output.ts";
import { type SearchOptions, auditOf, blindSpots, searchValue } from "../search-value.ts";
import { type Terminal, showControls } from "../terminal.ts";

export interface LookupOptions extends SearchOptions {
  readonly limit: number;
}

/** Finds a person's rows without unmasking anyone else's. Prints tokens and stored rows, never the value. */
export async function lookupCommand(options: LookupOptions, terminal: Terminal): Promise<ExitCode> {
  const { limit } = options;
  const search = await searchValue(options, terminal);
  const report = await lookUpValue(search, { limit, audit: auditOf(options) });
  terminal.writeOut(
    options.json
      ? `${JSON.stringify(jsonOf(search, report))}\n`
      : textOf(search, report, { limit, charsMax: charsMaxOf(terminal) }),
  );
  return EXIT_CODES.done;
}

function jsonOf(search: Search, { rows, users, tokens, sample, doubtfulLinks }: LookupReport): object {
  return {
    rows,
    userColumn: search.user?.name ?? null,
    users,
    timeColumn: search.time?.name ?? null,
    tokens: tokens.map(({ column, token, version, rows: stored, firstSeen, lastSeen }) => ({
      column,
      token,
      version,
      rows: stored,
      firstSeen,
      lastSeen,
    })),
    /** Values in PostgreSQL's text form. */
    sample,
    unsearched: search.unsearched,
    destroyedVersions: search.destroyedVersions,
    ...(doubtfulLinks.length === 0 ? {} : { doubtfulLinks }),
  };
}

function textOf(
  search: Search,
  { rows, users, tokens, sample, doubtfulLinks }: LookupReport,
  { limit, charsMax }: { readonly limit: number; readonly charsMax: number },
): string {
  const ofUsers = users === null ? "" : ` of ${counted(users, "user")} (${search.user?.name})`;
  const cut = rows - sample.length;
  return [
    textTable(
      tokens.map((token) => cellsOf(token, search)),
      { charsMax },
    ),
    "",
    rows === 0 ? "No row has the value." : `${counted(rows, "row")}${ofUsers}`,
    ...blindSpots(search, doubtfulLinks),
    ...(sample.length === 0 ? [] : ["", textTable(sample.map(shownRow), { charsMax })]),
    ...(sample.length > 0 && cut > 0 ? [`  … and ${cut} more, cut by --limit ${limit}`] : []),
    "",
  ].join("\n");
}

function cellsOf({ column, token, version, rows, firstSeen, lastSeen }: TokenReport, { time }: Search) {
  return {
    column,
    token,
    version: version === null ? "–" : String(version),
    rows: String(rows),
    ...(time === null ? {} : { "first seen": firstSeen ?? "–", "last seen": lastSeen ?? "–" }),
  };
}

/** Unmasked columns hold what the events had. */
const shownRow = (row: Readonly<Record<string, string | null>>): Record<string, string> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shownValue(value)]));

/** On one line, for the table's sake. */
const shownValue = (value: string | null): string =>
  value === null ? "–" : showControls(value).replace(/[\t\n]/g, " ");
