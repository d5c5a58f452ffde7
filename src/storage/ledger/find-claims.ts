import type { PostgresPool } from "../../postgres/connection.ts";
import { inTransaction } from "../../postgres/transaction.ts";

/** A message as the ledger would have it. */
export interface PossibleClaim {
  /** UTC day of sending. */
  readonly day: string;
  /** A UUID. */
  readonly messageKey: string;
}

/** Each is looked up by the whole primary key: the ledger holds sixteen days of a queue's messages. */
const FIND = `
SELECT claim.position
FROM jsonb_to_recordset($1::jsonb) AS claim (position integer, day date, "messageKey" uuid)
JOIN piipe.ledger AS ledger
  ON ledger.sent_day = claim.day AND ledger.source_id = $2::bigint AND ledger.message_id = claim."messageKey"`;

/** Which of the claims the ledger holds, in their order. Claims nothing itself. */
export async function findClaims<T extends PossibleClaim>(
  pool: PostgresPool,
  sourceId: string,
  claims: readonly T[],
  abort: AbortSignal,
): Promise<readonly T[]> {
  const options = { doing: "looking into the ledger", statementTimeoutMs: 30_000, lockTimeoutMs: 10_000, abort };
  const wanted = claims.map(({ day, messageKey }, position) => ({ position, day, messageKey }));
  const { rows } = await inTransaction(pool, options, (run) => run(FIND, [JSON.stringify(wanted), sourceId]));
  const found = new Set(rows.map((row) => Number(row["position"])));
  return claims.filter((_, position) => found.has(position));
}
