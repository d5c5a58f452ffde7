import type { HeldEvent, HeldEvents, Rejection } from "../../pipeline/contracts.ts";
import type { PostgresPool, Row } from "../../postgres/connection.ts";
import { inTransaction } from "../../postgres/transaction.ts";
import { type QuarantinedQueue, READING, utcText } from "./quarantine.ts";

/** Which pending events of one queue are meant. What is quarantined after the choice was made is not. */
export interface Choice {
  readonly queue: QuarantinedQueue;
  /** Whole ids; null: any. */
  readonly ids: readonly string[] | null;
  /** null: any. */
  readonly code: string | null;
  /** By the database's clock. */
  readonly untilFirstSeen: string;
}

export interface PageLimits {
  readonly eventsMax: number;
  /** Of what is sealed. An event that has more comes alone. */
  readonly bytesMax: number;
}

/** `$1` to `$4` are `choiceValues`. */
export const CHOSEN = `
  source_id = $1::bigint AND state = 'pending' AND first_seen <= $4::timestamptz
  AND ($2::json IS NULL OR message_id IN (SELECT json_array_elements_text($2::json)))
  AND ($3::text IS NULL OR reason = $3)`;

export function choiceValues({ queue, ids, code, untilFirstSeen }: Choice): readonly (string | null)[] {
  return [queue.sourceId, ids === null ? null : JSON.stringify(ids), code, untilFirstSeen];
}

/** The database's clock, for `untilFirstSeen`. */
export async function databaseTime(pool: PostgresPool): Promise<string> {
  const { rows } = await pool.query(READING, `SELECT ${utcText("clock_timestamp()")} AS now`);
  return rows[0]?.["now"] ?? "";
}

export async function countPending(pool: PostgresPool, choice: Choice): Promise<number> {
  const text = `SELECT count(*) AS count FROM piipe.quarantine WHERE ${CHOSEN}`;
  const { rows } = await pool.query(READING, text, choiceValues(choice));
  return Number(rows[0]?.["count"]);
}

/** By the time of sending: the messages of a FIFO group are stored as they came. */
const ORDER = "sent_at, first_seen, message_id";

/** A time as it is stored, to begin the next page after it: also one that is none, which only a hand can have written. */
const exactly = (time: string): string => `to_json(${time}) #>> '{}'`;

const READ_PAGE = `
SELECT message_id, attempt, encode(sealed_body, 'hex') AS body, encode(sealed_metadata, 'hex') AS metadata,
  ${utcText("sent_at")} AS sent_at, ${utcText("first_seen")} AS first_seen,
  ${exactly("sent_at")} AS after_sent_at, ${exactly("first_seen")} AS after_first_seen
FROM (
  SELECT first_ones.*,
    row_number() OVER ordered AS place,
    sum(octet_length(sealed_body) + coalesce(octet_length(sealed_metadata), 0)) OVER ordered AS bytes
  FROM (
    SELECT message_id, attempt, sealed_body, sealed_metadata, sent_at, first_seen
    FROM piipe.quarantine
    WHERE ${CHOSEN}
      AND ($5::timestamptz IS NULL OR (${ORDER}) > ($5::timestamptz, $6::timestamptz, $7::text))
    ORDER BY ${ORDER} LIMIT $8::integer
  ) AS first_ones
  WINDOW ordered AS (ORDER BY ${ORDER})
) AS page
WHERE place = 1 OR bytes <= $9::bigint
ORDER BY place`;

/** Settled meanwhile: then there is nothing to note. Locked in the order in which a replay claims. */
const NOTE_REFUSED = `
WITH waiting AS (
  SELECT message_id FROM piipe.quarantine
  WHERE source_id = $1::bigint AND state = 'pending'
    AND message_id IN (SELECT id FROM json_to_recordset($2::json) AS refused (id text))
  ORDER BY message_id
  FOR UPDATE
)
UPDATE piipe.quarantine AS entry SET reason = refused.code, path = refused.path, detail = refused.detail,
  last_seen = now()
FROM json_to_recordset($2::json) AS refused (id text, code text, path text, detail text)
JOIN waiting ON waiting.message_id = refused.id
WHERE entry.source_id = $1::bigint AND entry.message_id = refused.id`;

/** The chosen events of the quarantine, page by page. */
export class PendingEvents implements HeldEvents {
  readonly #pool: PostgresPool;
  readonly #choice: Choice;
  readonly #limits: PageLimits;
  #last: Row | null = null;

  constructor(pool: PostgresPool, choice: Choice, limits: PageLimits) {
    this.#pool = pool;
    this.#choice = choice;
    this.#limits = limits;
  }

  async next(abort: AbortSignal): Promise<readonly HeldEvent[]> {
    const { eventsMax, bytesMax } = this.#limits;
    const last = this.#last;
    const after = [last?.["after_sent_at"] ?? null, last?.["after_first_seen"] ?? null, last?.["message_id"] ?? null];
    const values = [...choiceValues(this.#choice), ...after, String(eventsMax), String(bytesMax)];
    const { rows } = await this.#pool.query(READING, READ_PAGE, values, abort);
    this.#last = rows.at(-1) ?? last;
    return rows.map((row) => ({
      source: this.#choice.queue.arn,
      id: row["message_id"] ?? "",
      attempt: Number(row["attempt"]),
      sentAtMs: Date.parse(row["sent_at"] ?? ""),
      firstSeenMs: Date.parse(row["first_seen"] ?? ""),
      sealedBody: Buffer.from(row["body"] ?? "", "hex"),
      sealedMetadata: typeof row["metadata"] === "string" ? Buffer.from(row["metadata"], "hex") : null,
    }));
  }

  async noteRefused(refused: ReadonlyMap<string, Rejection>, abort: AbortSignal): Promise<void> {
    if (refused.size === 0) return;
    const rejections = [...refused].map(([id, { code, path, detail }]) => ({ id, code, path, detail }));
    await inTransaction(this.#pool, { doing: "noting why events were refused again", abort }, (run) =>
      run(NOTE_REFUSED, [this.#choice.queue.sourceId, JSON.stringify(rejections)]),
    );
  }
}
