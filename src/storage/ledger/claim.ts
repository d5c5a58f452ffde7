import { messageKeyOf } from "./ledger-key.ts";

/** What makes a write exactly-once: messages are claimed, each once, in the transaction that stores them. */
export interface Claim {
  /** The message in the claim. */
  readonly keyOf: (id: string) => string;
  /** PostgreSQL's type of the keys. */
  readonly keyType: "uuid" | "text";
  /**
   * The part of the statement that claims, and returns the keys that it got as `message_id`. `$1` are the days of sending,
   * `$2` the keys, `$3` the source. Keys are taken in one order: writers of overlapping batches then wait for each other
   * instead of deadlocking.
   */
  readonly sql: string;
}

export const CLAIMS = {
  /** Messages from the queue: an id is claimed by being noted. */
  ledger: {
    keyOf: messageKeyOf,
    keyType: "uuid",
    sql: `
  INSERT INTO piipe.ledger (sent_day, source_id, message_id)
  SELECT claim.sent_day, $3::bigint, claim.message_id
  FROM unnest($1::date[], $2::uuid[]) AS claim (sent_day, message_id)
  ORDER BY 1, 2, 3
  ON CONFLICT DO NOTHING
  RETURNING message_id`,
  },
  /** Refused events on their second way: the ledger has their ids already, and the state tells which of them wait. */
  quarantine: {
    keyOf: (id) => id,
    keyType: "text",
    sql: `
  UPDATE piipe.quarantine AS entry
  SET state = 'replayed', settled_at = now(), sealed_body = NULL, sealed_metadata = NULL
  FROM (
    SELECT waiting.message_id
    FROM unnest($1::date[], $2::text[]) AS claim (sent_day, message_id)
    JOIN piipe.quarantine AS waiting ON waiting.source_id = $3::bigint AND waiting.message_id = claim.message_id
    WHERE waiting.state = 'pending'
    ORDER BY waiting.message_id
    FOR UPDATE OF waiting
  ) AS found
  WHERE entry.source_id = $3::bigint AND entry.message_id = found.message_id
  RETURNING entry.message_id`,
  },
} as const satisfies Readonly<Record<string, Claim>>;

export type ClaimName = keyof typeof CLAIMS;
