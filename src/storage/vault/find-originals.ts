import type { LinkRule, TokenPlace } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "../audit.ts";
import type { StoredTable } from "../search/stored-columns.ts";
import { type ColumnTokens, tokenFilter, withLinkedTokens } from "../search/token-filter.ts";

/** What a token was made from, still sealed. */
export interface VaultEntry {
  readonly token: string;
  readonly sealed: Uint8Array;
}

/** A token that is to be revealed, and for whom. */
export interface RevealRequest {
  readonly place: TokenPlace;
  readonly token: string;
  /** null: no link leads to another token. */
  readonly links: LinkRule | null;
  readonly audit: Pick<AuditEntry, "operator" | "reason">;
}

const OPTIONS = { doing: "looking for an original", ...TIMEOUTS.readingTable };

/**
 * The vault's entries of a token and of those linked with it, its own first. When there is one, that it is to be revealed
 * is noted in the same transaction: nothing may be opened before this resolves.
 */
export async function findOriginals(
  pool: PostgresPool,
  { place, token, links, audit }: RevealRequest,
): Promise<readonly VaultEntry[]> {
  return inTransaction(pool, OPTIONS, async (run) => {
    const { tokens } = await withLinkedTokens(run, { place, tokens: [token], links });
    const entries = await readVault(run, { place, tokens });
    if (entries.length > 0) await noteReveal(run, { place, token, audit });
    return entries;
  });
}

/** The token and those linked with it. That it is to be revealed is noted in the same transaction. */
export async function findRevealable(
  pool: PostgresPool,
  { place, token, links, audit }: RevealRequest,
): Promise<readonly string[]> {
  return inTransaction(pool, OPTIONS, async (run) => {
    const { tokens } = await withLinkedTokens(run, { place, tokens: [token], links });
    await noteReveal(run, { place, token, audit });
    return tokens;
  });
}

/** Whether a row has the token. */
export async function isStored(
  pool: PostgresPool,
  table: StoredTable,
  { place, token }: Pick<RevealRequest, "place" | "token">,
): Promise<boolean> {
  const filter = tokenFilter(table, [{ place, tokens: [token] }]);
  const options = { doing: `looking for a token in ${showTable(table.name)}`, ...TIMEOUTS.readingTable };
  return inTransaction(pool, options, async (run) => {
    const { rowCount } = await run(
      `SELECT 1 FROM ${quoteTable(table.name)} AS t WHERE ${filter.sql} LIMIT 1`,
      filter.values,
    );
    return rowCount > 0;
  });
}

const noteReveal = (run: RunStatement, { place, token, audit }: Omit<RevealRequest, "links">): Promise<void> =>
  writeAudit(run, { ...audit, action: "reveal", details: { column: place.name, token } });

/** In the tokens' order. */
async function readVault(run: RunStatement, { place, tokens }: ColumnTokens): Promise<readonly VaultEntry[]> {
  const { rows } = await run(
    `SELECT entry.token, encode(entry.sealed, 'hex') AS sealed
     FROM jsonb_array_elements_text($2::jsonb) WITH ORDINALITY AS wanted (token, position)
     JOIN piipe.vault AS entry ON entry.column_name = $1::text AND entry.token = wanted.token
     ORDER BY wanted.position`,
    [place.key, JSON.stringify(tokens)],
  );
  return rows.map((row) => ({ token: row["token"] ?? "", sealed: Buffer.from(row["sealed"] ?? "", "hex") }));
}
