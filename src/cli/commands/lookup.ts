import { isMasked } from "../../mask/column-tokens.ts";
import { tokenTestOf } from "../../mask/token-form.ts";
import { isBareDigest, versionOfToken } from "../../mask/value-tokens.ts";
import type { Row } from "../../postgres/connection.ts";
import { AUDIT_RIGHT } from "../../storage/audit.ts";
import { ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import type { FoundToken } from "../../storage/search/find-tokens.ts";
import { type LookupFindings, lookUp } from "../../storage/search/look-up.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { type Search, type SearchOptions, blindSpots, openSearch, tokensOf, withTable } from "../open-search.ts";
import { operatorName } from "../operator-name.ts";
import { NO_TOKEN, charsMaxOf, counted, reasonOf, textTable } from "../output.ts";
import { type Terminal, showControls } from "../terminal.ts";

export interface LookupOptions extends SearchOptions {
  readonly limit: number;
}

interface TokenReport extends FoundToken {
  /** Key version; null where the token shows none. */
  readonly version: number | null;
}

/** Finds a person's rows without unmasking anyone else's. Prints tokens and stored rows, never the value. */
export async function lookupCommand(options: LookupOptions, terminal: Terminal): Promise<ExitCode> {
  const search = await openSearch(options, terminal);
  const columns = search.config.columns.map(({ name }) => name);
  const found = await withTable(search, columns, async (pool, table) => {
    await requireRights(pool, [
      { table: table.name, right: "SELECT" },
      { table: ownTable("key_links"), right: "SELECT" },
      AUDIT_RIGHT,
    ]);
    return lookUp(pool, table, {
      searches: tokensOf(search.searches),
      user: search.user,
      timeColumn: search.time?.name ?? null,
      columns,
      limit: options.limit,
      audit: { operator: operatorName(), reason: reasonOf(options.reason) },
    });
  });
  const findings = { ...found, sample: found.sample.map(hidingRawValues(search)) };
  const tokens = findings.tokens.map((token) => reportOf(token, search));
  terminal.writeOut(
    options.json
      ? `${JSON.stringify(jsonOf(search, findings, tokens))}\n`
      : textOf(search, findings, tokens, { limit: options.limit, charsMax: charsMaxOf(terminal) }),
  );
  return EXIT_CODES.done;
}

/** Other masked columns of a row may still hold what they had before their mask. */
function hidingRawValues({ config }: Search): (row: Row) => Row {
  const tests = config.columns.filter(isMasked).map((column) => [column.name, tokenTestOf(column)] as const);
  return (row) => {
    const hidden = tests.filter(
      ([name, isToken]) => isToken !== null && typeof row[name] === "string" && !isToken(row[name]),
    );
    return { ...row, ...Object.fromEntries(hidden.map(([name]) => [name, NO_TOKEN])) };
  };
}

function reportOf(found: FoundToken, { searches, time }: Search): TokenReport {
  const column = searches.find((search) => search.column.name === found.column)?.column;
  const { token } = found;
  if (column === undefined) return { ...found, ...timesOf(found, time), version: null };
  const shown = isBareDigest(column, token) ? BARE_DIGEST : token;
  return { ...found, ...timesOf(found, time), token: shown, version: versionOfToken(column, token) };
}

/** Whoever reads the digest itself can find the value out by trying. */
const BARE_DIGEST = "bare SHA-256";

/** A date has no time of day to show. */
function timesOf(
  { firstSeen, lastSeen }: FoundToken,
  time: Search["time"],
): Pick<FoundToken, "firstSeen" | "lastSeen"> {
  if (time?.type !== "date") return { firstSeen, lastSeen };
  return { firstSeen: firstSeen?.slice(0, 10) ?? null, lastSeen: lastSeen?.slice(0, 10) ?? null };
}

function jsonOf(
  search: Search,
  { rows, users, sample, doubtfulLinks }: LookupFindings,
  tokens: readonly TokenReport[],
): object {
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
  { rows, users, sample, doubtfulLinks }: LookupFindings,
  tokens: readonly TokenReport[],
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
