import { PiipeError } from "../../errors.ts";
import type { RefusedEvent } from "../../pipeline/contracts.ts";
import { arrayLiteral, byteaArrayLiteral } from "../../postgres/array-literal.ts";
import type { RunStatement } from "../../postgres/transaction.ts";

/** A row that is there already is of a message which the ledger has forgotten: it waits again. */
const INSERT_REFUSED = `
INSERT INTO piipe.quarantine
  (source_id, message_id, source, sent_at, reason, path, detail, attempt, sealed_body, sealed_metadata)
SELECT $1::bigint, event.message_id, $2::text, event.sent_at, event.reason, event.path, event.detail, event.attempt, event.body,
  event.metadata
FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::bytea[], $10::bytea[])
  AS event (message_id, sent_at, reason, path, detail, attempt, body, metadata)
ON CONFLICT (source_id, message_id) DO UPDATE SET
  last_seen = now(), attempt = excluded.attempt, reason = excluded.reason, path = excluded.path, detail = excluded.detail,
  state = 'pending', settled_at = NULL, sealed_body = excluded.sealed_body, sealed_metadata = excluded.sealed_metadata`;

/** A row that another worker is updating is skipped: the two would tell the same, and might wait for each other. */
const UPDATE_SEEN = `
WITH known AS (
  SELECT message_id FROM piipe.quarantine
  WHERE source_id = $1::bigint AND message_id = ANY ($2::text[])
  FOR UPDATE SKIP LOCKED
)
UPDATE piipe.quarantine AS q SET last_seen = now(), attempt = greatest(q.attempt, seen.attempt)
FROM unnest($2::text[], $3::integer[]) AS seen (message_id, attempt)
JOIN known ON known.message_id = seen.message_id
WHERE q.source_id = $1::bigint AND q.message_id = seen.message_id`;

/** Quarantines the events whose id was claimed; of the others, notes that they were seen again. */
export async function writeQuarantine(
  run: RunStatement,
  source: { readonly id: string; readonly name: string },
  claimed: readonly RefusedEvent[],
  unclaimed: readonly RefusedEvent[],
): Promise<void> {
  if (claimed.length > 0) {
    const { rowCount } = await run(INSERT_REFUSED, [
      source.id,
      source.name,
      arrayLiteral(claimed.map(({ id }) => id)),
      arrayLiteral(claimed.map(({ sentAtMs }) => new Date(sentAtMs).toISOString())),
      arrayLiteral(claimed.map(({ rejection }) => rejection.code)),
      arrayLiteral(claimed.map(({ rejection }) => rejection.path)),
      arrayLiteral(claimed.map(({ rejection }) => rejection.detail ?? null)),
      arrayLiteral(claimed.map(({ attempt }) => attempt)),
      byteaArrayLiteral(claimed.map(({ sealedBody }) => sealedBody)),
      byteaArrayLiteral(claimed.map(({ sealedMetadata }) => sealedMetadata)),
    ]);
    // Their messages are deleted next: what is not there would be lost.
    if (rowCount !== claimed.length) throw keptOut();
  }
  if (unclaimed.length > 0) {
    await run(UPDATE_SEEN, [
      source.id,
      arrayLiteral(unclaimed.map(({ id }) => id)),
      arrayLiteral(unclaimed.map(({ attempt }) => attempt)),
    ]);
  }
}

function keptOut(): PiipeError {
  return new PiipeError("database.refused", "piipe.quarantine did not take every refused event", {
    hint: "A trigger or rule keeps rows out: undo what was changed by hand in the schema piipe.",
  });
}
