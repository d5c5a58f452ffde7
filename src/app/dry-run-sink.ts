import type { Batch, BatchOutcome, Sink, WriteOutcome } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { utcDay } from "../postgres/utc-day.ts";
import { findClaims, messageKeyOf, sourceIdOf } from "../storage/ledger/claim.ts";

/**
 * Writes nothing, and says what would become of each event by what the ledger has now. What only a write can tell is not
 * found: a value that PostgreSQL refuses, or a business id that is there already.
 */
export class DryRunSink implements Sink {
  readonly #pool: PostgresPool;
  readonly #sourceId: string;

  /** @param pool stays the caller's */
  constructor(pool: PostgresPool, sourceName: string) {
    this.#pool = pool;
    this.#sourceId = sourceIdOf(sourceName);
  }

  async write({ records, refused }: Batch, abort: AbortSignal): Promise<BatchOutcome> {
    const claims = [...records, ...refused].map(({ id, sentAtMs }) => ({
      id,
      day: utcDay(sentAtMs),
      messageKey: messageKeyOf(id),
    }));
    const known = new Set((await findClaims(this.#pool, this.#sourceId, claims, abort)).map(({ id }) => id));
    const outcomeOf = (id: string, kind: "stored" | "quarantined"): WriteOutcome => ({
      kind: known.has(id) ? "duplicate" : kind,
    });
    return {
      records: records.map(({ id }) => outcomeOf(id, "stored")),
      refused: refused.map(({ id }) => outcomeOf(id, "quarantined")),
    };
  }
}
