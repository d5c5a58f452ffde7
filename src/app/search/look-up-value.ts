import { maskedOf, placeOf } from "../../mask/column-tokens.ts";
import { tokenTestOf } from "../../mask/token-form.ts";
import { isBareDigest, versionOfToken } from "../../mask/value-tokens.ts";
import type { Row } from "../../postgres/connection.ts";
import { AUDIT_RIGHT, type AuditEntry } from "../../storage/audit.ts";
import { ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import type { FoundToken } from "../../storage/search/find-tokens.ts";
import { type LookupFindings, lookUp, type TableFindings } from "../../storage/search/look-up.ts";
import { replacerInside } from "../inner-tokens.ts";
import { NO_TOKEN, timesShown } from "./find-duplicates.ts";
import { type Search, type SearchedTable, tokensOf, withTables } from "./open-search.ts";

export interface LookupRequest {
  /** The most rows to give of each table. */
  readonly limit: number;
  readonly audit: Pick<AuditEntry, "operator" | "reason">;
}

/** A token with what may be shown of it. */
export interface TokenReport extends FoundToken {
  /** Key version; null where the token shows none. */
  readonly version: number | null;
}

/** What was found in a table: tokens and stored rows, never the value. */
export interface TableReport extends Omit<TableFindings, "tokens" | "table"> {
  readonly asked: SearchedTable;
  readonly tokens: readonly TokenReport[];
}

export interface LookupReport extends Omit<LookupFindings, "tables"> {
  /** Those that were searched. */
  readonly tables: readonly TableReport[];
}

/**
 * Finds a person's rows without unmasking anyone else's. That it was looked up is noted in `piipe.audit`.
 * @throws {PiipeError} `database.*`, `keys.*`
 */
export async function lookUpValue(search: Search, { limit, audit }: LookupRequest): Promise<LookupReport> {
  const searched = search.tables.filter(({ searches }) => searches.length > 0);
  const { tables, ...found } = await withTables(search, searched, columnsIn, async (pool, opened) => {
    await requireRights(pool, [
      ...opened.map(({ stored }) => ({ table: stored.name, right: "SELECT" as const })),
      { table: ownTable("key_links"), right: "SELECT" },
      AUDIT_RIGHT,
    ]);
    const asked = opened.map((table) => ({
      table: table.stored,
      searches: tokensOf(table.searches),
      user: table.user,
      timeColumn: table.time?.name ?? null,
      columns: columnsIn(table),
    }));
    return lookUp(pool, asked, { limit, audit });
  });
  return {
    ...found,
    tables: searched.flatMap((asked, at) => {
      const ofTable = tables[at];
      if (ofTable === undefined) return [];
      const { rows, users, tokens, sample } = ofTable;
      return [
        {
          asked,
          rows,
          users,
          tokens: tokens.map((token) => reportOf(token, asked)),
          sample: sample.map(hidingRawValues(asked)),
        },
      ];
    }),
  };
}

const columnsIn = ({ table }: SearchedTable): readonly string[] => table.columns.map(({ name }) => name);

/** Other masked columns of a row, and what is masked inside them, may still hold what they had before their mask. */
function hidingRawValues({ table }: SearchedTable): (row: Row) => Row {
  const hiders = maskedOf(table.columns).flatMap((column) => {
    const isToken = tokenTestOf(column);
    if (isToken === null) return [];
    const hide = (token: string): string | null => (isToken(token) ? null : NO_TOKEN);
    const replaceInside = replacerInside(column) ?? ((text, replace) => replace(text) ?? text);
    return [{ name: placeOf(column).column, hidden: (text: string) => replaceInside(text, hide) }];
  });
  return (row) => {
    const shown = { ...row };
    for (const { name, hidden } of hiders) {
      const text = shown[name];
      if (typeof text === "string") shown[name] = hidden(text);
    }
    return shown;
  };
}

function reportOf(found: FoundToken, { searches, time }: SearchedTable): TokenReport {
  const column = searches.find(({ shown }) => shown === found.column)?.column;
  const { token } = found;
  if (column === undefined) return { ...found, ...timesShown(found, time), version: null };
  const shown = isBareDigest(column, token) ? BARE_DIGEST : token;
  return { ...found, ...timesShown(found, time), token: shown, version: versionOfToken(column, token) };
}

/** Whoever reads the digest itself can find the value out by trying. */
const BARE_DIGEST = "bare SHA-256";
