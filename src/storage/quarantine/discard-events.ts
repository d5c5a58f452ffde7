import type { PostgresPool } from "../../postgres/connection.ts";
import { inTransaction } from "../../postgres/transaction.ts";
import { writeAudit } from "../audit.ts";
import { CHOSEN, type Choice, choiceValues } from "./pending-events.ts";

export interface DiscardOptions {
  readonly operator: string;
  readonly reason: string | null;
  readonly eventsMax: number;
  readonly abort: AbortSignal;
}

/** In the order of a replay's claims: the two wait for each other instead of deadlocking. */
const DISCARD = `
WITH chosen AS (
  SELECT message_id FROM piipe.quarantine WHERE ${CHOSEN} ORDER BY message_id LIMIT $5::integer FOR UPDATE
)
UPDATE piipe.quarantine AS entry
SET state = 'discarded', settled_at = now(), sealed_body = NULL, sealed_metadata = NULL
FROM chosen WHERE entry.source_id = $1::bigint AND entry.message_id = chosen.message_id
RETURNING entry.message_id`;

/**
 * Discards up to `eventsMax` of the chosen events for good: what was sealed is gone, the ids stay known. Which ones is
 * noted in the same transaction. Returns how many; 0 does not mean that none is left, as a replay may have been faster.
 */
export async function discardEvents(pool: PostgresPool, choice: Choice, options: DiscardOptions): Promise<number> {
  const { operator, reason, eventsMax, abort } = options;
  return inTransaction(pool, { doing: "discarding quarantined events", abort }, async (run) => {
    const { rows } = await run(DISCARD, [...choiceValues(choice), String(eventsMax)]);
    const ids = rows.map((row) => row["message_id"] ?? "");
    if (ids.length > 0) {
      const details = { queue: choice.queue.arn, events: ids.length, ids };
      await writeAudit(run, { action: "discard", operator, reason, details });
    }
    return ids.length;
  });
}
