import { createHash } from "node:crypto";
import type { PostgresPool } from "../../postgres/connection.ts";
import { type TableName, quoteTable } from "../../postgres/identifiers.ts";
import { inTransaction } from "../../postgres/transaction.ts";

/**
 * Only the canonical form stands for itself: were upper case folded, two ids that differ only in case would be one,
 * and the second message would be lost.
 */
const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The queue in the ledger: the first 8 bytes of the SHA-256 of its name, as a signed bigint in decimal. */
export function sourceIdOf(sourceName: string): string {
  return createHash("sha256").update(sourceName).digest().readBigInt64BE(0).toString();
}

/** The table among the business ids: the same of its name as SQL writes it, with the schema in which it was found. */
export const tableIdOf = ({ name }: { readonly name: TableName }): string => sourceIdOf(quoteTable(name));

/** The message in the ledger: a UUID as it is, any other id as the first 16 bytes of its SHA-256 in UUID form. */
export function messageKeyOf(id: string): string {
  if (CANONICAL_UUID.test(id)) return id;
  const hex = createHash("sha256").update(id).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Half of the bigints: no file has so many lines. */
const NO_LINE_BIT = 1n << 62n;

/** The line that the id ends with; for a message that nobody has sent, one that no file has. */
function lineKeyOf(id: string): string {
  const line = /:(\d+)$/.exec(id)?.[1];
  return line ?? (BigInt.asUintN(62, BigInt(sourceIdOf(id))) | NO_LINE_BIT).toString();
}

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
  /**
   * Lines of a file, which is known for ever: what is done up to one line is noted as that alone. Whoever notes it waits for the
   * claims under way, and a claim that waited for that sees it (`loads.ts`).
   */
  load: {
    keyOf: lineKeyOf,
    keyType: "text",
    sql: `
  WITH load AS (
    SELECT load_id, lines_done FROM piipe.loads WHERE load_id = $3::bigint FOR SHARE
  )
  INSERT INTO piipe.load_lines (load_id, line)
  SELECT load.load_id, claim.line
  FROM unnest($1::date[], $2::bigint[]) AS claim (sent_day, line)
  JOIN load ON claim.line > load.lines_done
  ORDER BY claim.line
  ON CONFLICT DO NOTHING
  RETURNING line::text AS message_id`,
  },
} as const satisfies Readonly<Record<string, Claim>>;

export type ClaimName = keyof typeof CLAIMS;

/** The keys that a statement gives as a JSON array, or null for none. */
export function parseKeys(json: string | null | undefined): ReadonlySet<string> {
  return new Set(typeof json === "string" ? (JSON.parse(json) as string[]) : []);
}

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
  const options = { doing: "looking into the ledger", abort };
  const wanted = claims.map(({ day, messageKey }, position) => ({ position, day, messageKey }));
  const { rows } = await inTransaction(pool, options, (run) => run(FIND, [JSON.stringify(wanted), sourceId]));
  const found = new Set(rows.map((row) => Number(row["position"])));
  return claims.filter((_, position) => found.has(position));
}
