import { maskedOf, placeOf } from "../../mask/column-tokens.ts";
import { tokenTestOf } from "../../mask/token-form.ts";
import { isBareDigest, versionOfToken } from "../../mask/value-tokens.ts";
import type { Row } from "../../postgres/connection.ts";
import { AUDIT_RIGHT, type AuditEntry } from "../../storage/audit.ts";
import { ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import type { FoundToken } from "../../storage/search/find-tokens.ts";
import { type LookupFindings, lookUp } from "../../storage/search/look-up.ts";
import { soleTable } from "../configured-tables.ts";
import { replacerInside } from "../inner-tokens.ts";
import { NO_TOKEN, timesShown } from "./find-duplicates.ts";
import { type Search, tokensOf, withTable } from "./open-search.ts";

export interface LookupRequest {
  /** The most rows to give. */
  readonly limit: number;
  readonly audit: Pick<AuditEntry, "operator" | "reason">;
}

/** A token with what may be shown of it. */
export interface TokenReport extends FoundToken {
  /** Key version; null where the token shows none. */
  readonly version: number | null;
}

/** What was found: tokens and stored rows, never the value. */
export interface LookupReport extends Omit<LookupFindings, "tokens"> {
  readonly tokens: readonly TokenReport[];
}

/**
 * Finds a person's rows without unmasking anyone else's. That it was looked up is noted in `piipe.audit`.
 * @throws {PiipeError} `database.*`, `keys.*`
 */
export async function lookUpValue(search: Search, { limit, audit }: LookupRequest): Promise<LookupReport> {
  const columns = soleTable(search.config).columns.map(({ name }) => name);
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
      limit,
      audit,
    });
  });
  return {
    ...found,
    sample: found.sample.map(hidingRawValues(search)),
    tokens: found.tokens.map((token) => reportOf(token, search)),
  };
}

/** Other masked columns of a row, and what is masked inside them, may still hold what they had before their mask. */
function hidingRawValues({ config }: Search): (row: Row) => Row {
  const hiders = maskedOf(soleTable(config).columns).flatMap((column) => {
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

function reportOf(found: FoundToken, { searches, time }: Search): TokenReport {
  const column = searches.find((search) => search.column.name === found.column)?.column;
  const { token } = found;
  if (column === undefined) return { ...found, ...timesShown(found, time), version: null };
  const shown = isBareDigest(column, token) ? BARE_DIGEST : token;
  return { ...found, ...timesShown(found, time), token: shown, version: versionOfToken(column, token) };
}

/** Whoever reads the digest itself can find the value out by trying. */
const BARE_DIGEST = "bare SHA-256";
