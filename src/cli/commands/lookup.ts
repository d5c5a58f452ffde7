import { type LookupReport, type TableReport, type TokenReport, lookUpValue } from "../../app/search/look-up-value.ts";
import { type Search, userColumnOf } from "../../app/search/open-search.ts";
import { showTable } from "../../postgres/identifiers.ts";
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
  const search = await searchValue(options, { withSharedKeys: false }, terminal);
  const report = await lookUpValue(search, { limit, audit: auditOf(options) });
  terminal.writeOut(
    options.json
      ? `${JSON.stringify(jsonOf(search, report))}\n`
      : textOf(search, report, { limit, charsMax: charsMaxOf(terminal) }),
  );
  return EXIT_CODES.done;
}

function jsonOf(search: Search, { rows, users, tables, doubtfulLinks }: LookupReport): object {
  const [only] = tables;
  return {
    rows,
    userColumn: userColumnOf(search),
    users,
    ...(search.tables.length === 1 && only !== undefined
      ? foundIn(only)
      : {
          tables: tables.map((table) => ({
            table: showTable(table.asked.table.name),
            rows: table.rows,
            users: table.users,
            ...foundIn(table),
          })),
        }),
    unsearched: search.unsearched,
    destroyedVersions: search.destroyedVersions,
    ...(doubtfulLinks.length === 0 ? {} : { doubtfulLinks }),
  };
}

const foundIn = ({ asked, tokens, sample }: TableReport): object => ({
  timeColumn: asked.time?.name ?? null,
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
});

function textOf(
  search: Search,
  { rows, users, tables, doubtfulLinks }: LookupReport,
  { limit, charsMax }: { readonly limit: number; readonly charsMax: number },
): string {
  const ofUsers = users === null ? "" : ` of ${counted(users, "user")} (${userColumnOf(search)})`;
  const hasTime = tables.some(({ asked }) => asked.time !== null);
  const isSole = search.tables.length === 1;
  return [
    textTable(
      tables.flatMap(({ tokens }) => tokens.map((token) => cellsOf(token, hasTime))),
      { charsMax },
    ),
    "",
    rows === 0 ? "No row has the value." : `${counted(rows, "row")}${ofUsers}`,
    ...blindSpots(search, doubtfulLinks),
    ...tables.flatMap((table) => [
      ...(isSole || table.rows === 0
        ? []
        : ["", `${showTable(table.asked.table.name)}: ${counted(table.rows, "row")}`]),
      ...(table.sample.length === 0 ? [] : ["", textTable(table.sample.map(shownRow), { charsMax })]),
      ...cutOf(table, limit),
    ]),
    "",
  ].join("\n");
}

function cutOf({ rows, sample }: TableReport, limit: number): readonly string[] {
  const cut = rows - sample.length;
  return sample.length > 0 && cut > 0 ? [`  … and ${cut} more, cut by --limit ${limit}`] : [];
}

function cellsOf({ column, token, version, rows, firstSeen, lastSeen }: TokenReport, hasTime: boolean) {
  return {
    column,
    token,
    version: version === null ? "–" : String(version),
    rows: String(rows),
    ...(hasTime ? { "first seen": firstSeen ?? "–", "last seen": lastSeen ?? "–" } : {}),
  };
}

/** Unmasked columns hold what the events had. */
const shownRow = (row: Readonly<Record<string, string | null>>): Record<string, string> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shownValue(value)]));

/** On one line, for the table's sake. */
const shownValue = (value: string | null): string =>
  value === null ? "–" : showControls(value).replace(/[\t\n]/g, " ");
