import type { TokenPlace, TokenRewrite } from "../../pipeline/contracts.ts";
import type { Row } from "../../postgres/connection.ts";
import type { RunStatement } from "../../postgres/transaction.ts";

/** A table of piipe's own that holds tokens of the target table's columns, by their keys. */
export interface SideTable {
  readonly name: "links" | "originals";
  /** The next rows of the key `$1` after the token `$2`, of the domain `$3`. */
  readonly read: string;
  /** By which they are read. */
  readonly key: string;
  /** What becomes of a row; null: nothing. */
  readonly rewriteRow: (row: Row, rewrite: TokenRewrite["rewrite"]) => object | null;
  /** Replaces rows of the key `$1` as the list `$2` says, and counts them. */
  readonly replace: string;
}

const ROWS_MAX = 2_000;

/** Where the new old token is linked already, that link stays. */
const LINKS: SideTable = {
  name: "links",
  key: "old_token",
  read: `
SELECT old_token, new_token FROM piipe.key_links
WHERE column_name = $1 AND old_token > $2 AND domain = $3 ORDER BY old_token LIMIT ${ROWS_MAX}`,
  rewriteRow({ old_token: oldToken, new_token: newToken }, rewrite) {
    const nextOld = rewrite(oldToken ?? "");
    const nextNew = rewrite(newToken ?? "");
    if (nextOld === null && nextNew === null) return null;
    return {
      old_token: oldToken,
      new_token: newToken,
      next_old_token: nextOld ?? oldToken,
      next_new_token: nextNew ?? newToken,
    };
  },
  replace: `
WITH pair AS (
  SELECT * FROM json_to_recordset($2::json)
    AS pair (old_token text, new_token text, next_old_token text, next_new_token text)
), gone AS (
  DELETE FROM piipe.key_links AS link USING pair
  WHERE link.column_name = $1 AND link.old_token = pair.old_token AND link.new_token = pair.new_token
  RETURNING pair.next_old_token, pair.next_new_token, link.linked_at, link.domain
), replaced AS (
  INSERT INTO piipe.key_links (column_name, old_token, new_token, linked_at, domain)
  SELECT $1, next_old_token, next_new_token, linked_at, domain FROM gone WHERE next_old_token <> next_new_token
  ORDER BY next_old_token
  ON CONFLICT DO NOTHING
)
SELECT count(*) AS replaced FROM gone`,
};

/** An original is sealed for its key, not for its token. Where the new token has one already, that one stays. */
const ORIGINALS: SideTable = {
  name: "originals",
  key: "token",
  read: `
SELECT token FROM piipe.vault WHERE column_name = $1 AND token > $2 AND domain = $3 ORDER BY token LIMIT ${ROWS_MAX}`,
  rewriteRow({ token }, rewrite) {
    const next = rewrite(token ?? "");
    return next === null ? null : { token, next_token: next };
  },
  replace: `
WITH pair AS (
  SELECT * FROM json_to_recordset($2::json) AS pair (token text, next_token text)
), gone AS (
  DELETE FROM piipe.vault AS original USING pair
  WHERE original.column_name = $1 AND original.token = pair.token
  RETURNING pair.next_token, original.sealed, original.sealed_at, original.domain
), replaced AS (
  INSERT INTO piipe.vault (column_name, token, sealed, sealed_at, domain)
  SELECT $1, next_token, sealed, sealed_at, domain FROM gone
  ORDER BY next_token
  ON CONFLICT DO NOTHING
)
SELECT count(*) AS replaced FROM gone`,
};

export const SIDE_TABLES: readonly SideTable[] = [LINKS, ORIGINALS];

export interface OldSideRows {
  /** Those to be replaced, with what they become. */
  readonly replacements: readonly object[];
  /** Where the next ones begin; null: there are none. */
  readonly last: string | null;
}

export async function findOldSideRows(
  run: RunStatement,
  { key, read, rewriteRow }: SideTable,
  { place, rewrite }: { readonly place: TokenPlace; readonly rewrite: TokenRewrite },
  after: string,
): Promise<OldSideRows> {
  const { rows } = await run(read, [place.key, after, rewrite.domain]);
  return {
    replacements: rows.flatMap((row) => rewriteRow(row, rewrite.rewrite) ?? []),
    last: rows.length < ROWS_MAX ? null : (rows.at(-1)?.[key] ?? null),
  };
}

/** @returns rows replaced: another session may have been faster with some */
export async function replaceSideRows(
  run: RunStatement,
  { replace }: SideTable,
  { key }: TokenPlace,
  replacements: readonly object[],
): Promise<number> {
  if (replacements.length === 0) return 0;
  const { rows } = await run(replace, [key, JSON.stringify(replacements)]);
  return Number(rows[0]?.["replaced"]);
}
