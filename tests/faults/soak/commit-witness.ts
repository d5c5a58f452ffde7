import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { sourceIdOf } from "../../../src/storage/ledger/claim.ts";

const COMMITTED = `
SELECT count(DISTINCT message_id)::integer AS count FROM piipe.ledger
WHERE sent_day >= (now() AT TIME ZONE 'UTC')::date - 1 AND source_id = $1::bigint AND message_id = ANY ($2::uuid[])`;
const RETRY_MS = 50;
/** Longer than any restart of the database takes. */
const LOOK_TIMEOUT_MS = 60_000;

/** Looks, before a delete goes on to the queue, whether the database has its messages committed. */
export class CommitWitness {
  readonly #pool: pg.Pool;
  readonly #sourceId: string;
  readonly #messages = new Set<string>();
  /** Messages whose delete was sent before their commit. Must stay 0. */
  uncommitted = 0;
  /** Deletes of a message that were looked at; a message may be deleted several times. */
  checked = 0;

  constructor(databaseUrl: string, queueArn: string) {
    this.#pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
    this.#pool.on("error", () => {});
    this.#sourceId = sourceIdOf(queueArn);
  }

  /** Messages with a delete that was looked at. */
  get messages(): number {
    return this.#messages.size;
  }

  /** Rejects when the database does not answer for long. */
  async look(messageIds: readonly string[]): Promise<void> {
    const ids = [...new Set(messageIds)];
    const deadlineMs = performance.now() + LOOK_TIMEOUT_MS;
    for (;;) {
      try {
        const { rows } = await this.#pool.query<{ count: number }>(COMMITTED, [this.#sourceId, ids]);
        for (const id of ids) this.#messages.add(id);
        this.checked += ids.length;
        this.uncommitted += ids.length - (rows[0]?.count ?? 0);
        return;
      } catch (error) {
        if (this.#pool.ending || performance.now() > deadlineMs) throw error;
        // The database is being restarted: what was committed will be there again.
        await sleep(RETRY_MS);
      }
    }
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}
