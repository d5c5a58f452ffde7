import type { TokenPlace } from "../../pipeline/contracts.ts";
import { type TableName, quoteIdentifier, quoteTable } from "../../postgres/identifiers.ts";
import { withTokens } from "./tokens-in.ts";

/**
 * What the function `piipe.duplicates` runs, for servers that have no plpgsql to write it in: a SELECT of token, rows, users,
 * first_seen and last_seen. `$1` and `$2` are the keys of the place and of the user, `$3` is a number of rows that one user's
 * value must exceed. The session's time zone is UTC there.
 */
export function duplicatesSql(
  table: TableName,
  {
    place,
    user,
    timeColumn,
  }: { readonly place: TokenPlace; readonly user: TokenPlace | null; readonly timeColumn: string | null },
): string {
  const userValue = user === null ? "NULL::text" : `t.${quoteIdentifier(user.column)}`;
  const time = timeColumn === null ? "NULL::timestamptz" : `t.${quoteIdentifier(timeColumn)}::timestamptz`;
  return `
WITH RECURSIVE link (column_name, old_token, new_token) AS (
  SELECT known.column_name, known.old_token, known.new_token
  FROM piipe.key_links AS known
  WHERE known.column_name IN ($1::text, $2::text) AND piipe.joins_versions(known.old_token, known.new_token)
    AND NOT EXISTS (
      SELECT FROM piipe.key_links AS other
      WHERE other.column_name = known.column_name AND other.new_token = known.new_token
        AND other.old_token <> known.old_token AND left(other.old_token, 3) = left(known.old_token, 3)
        AND known.old_token ~ '^[a-z][12]_')
), resolved (of_column, token, canonical) AS (
  SELECT link.column_name, link.old_token, link.new_token
  FROM link
  WHERE NOT EXISTS (
    SELECT FROM link AS newer WHERE newer.column_name = link.column_name AND newer.old_token = link.new_token)
  UNION ALL
  SELECT link.column_name, link.old_token, resolved.canonical
  FROM resolved
  JOIN link ON link.column_name = resolved.of_column AND link.new_token = resolved.token
)
SELECT canonical AS token, sum(rows)::bigint AS rows, ${user === null ? "NULL::bigint" : "count(user_value)"} AS users,
  min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM (
  SELECT coalesce(value_link.canonical, tally.token) AS canonical,
         coalesce(user_link.canonical, tally.user_value) AS user_value,
         sum(tally.rows) AS rows, min(tally.first_seen) AS first_seen, max(tally.last_seen) AS last_seen
  FROM (
    SELECT held.token, (${userValue})::text AS user_value, count(*) AS rows,
           min(${time}) AS first_seen, max(${time}) AS last_seen
    FROM ${withTokens(quoteTable(table), place)} WHERE held.token IS NOT NULL
    GROUP BY held.token, ${userValue}
  ) AS tally
  LEFT JOIN resolved AS value_link ON value_link.of_column = $1::text AND value_link.token = tally.token
  LEFT JOIN resolved AS user_link ON user_link.of_column = $2::text AND user_link.token = tally.user_value
  GROUP BY 1, 2
) AS by_user
GROUP BY canonical
HAVING count(user_value) > 1 OR sum(rows) > $3::integer`;
}
