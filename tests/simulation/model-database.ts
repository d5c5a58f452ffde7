import { PiipeError } from "../../src/errors.ts";
import type { Batch, MaskedRecord } from "../../src/pipeline/contracts.ts";
import type { ModelSqs } from "./model-sqs.ts";
import { rowsOf } from "./stages.ts";
import type { SentMessage, World } from "./world.ts";

const LOCK_TIMEOUT_MS = 10_000;

/** A transaction and the ids that it has noted in the ledger, not visible to others until it commits. */
export class Transaction {
  readonly claimed = new Set<string>();
  readonly ended: Promise<void>;
  end: () => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

/** Table, quarantine and ledger, with the claims of PostgreSQL: an id that an open transaction holds is waited for. */
export class ModelDatabase {
  /** The bodies with which each id was stored: more than one is a broken promise. */
  readonly rows = new Map<string, string[]>();
  readonly quarantine = new Set<string>();
  readonly #world: World;
  readonly #claims = new Map<string, Transaction>();
  /** Gone from the queue, and therefore not to be waited for in the order of its group. */
  deadLettered: ModelSqs["deadLettered"] = new Set();
  #downUntilMs = 0;
  #haltedUntilMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  isCommitted(id: string): boolean {
    return this.rows.has(id) || this.quarantine.has(id);
  }

  takeDown(lastsMs: number): void {
    this.#downUntilMs = this.#world.clock.nowMs() + lastsMs;
  }

  /** As when somebody drops the table and creates it again. */
  halt(lastsMs: number): void {
    this.#haltedUntilMs = this.#world.clock.nowMs() + lastsMs;
  }

  begin(): Transaction {
    const nowMs = this.#world.clock.nowMs();
    if (nowMs < this.#downUntilMs) throw lost("PostgreSQL is away");
    if (nowMs < this.#haltedUntilMs) throw new PiipeError("database.table-missing", "the table is gone");
    return new Transaction();
  }

  /** Notes an id unless it is there, as `INSERT … ON CONFLICT DO NOTHING` does. */
  async claim(transaction: Transaction, id: string): Promise<void> {
    const { clock, chronicle } = this.#world;
    const deadlineMs = clock.nowMs() + LOCK_TIMEOUT_MS;
    for (;;) {
      if (this.isCommitted(id)) return;
      const other = this.#claims.get(id);
      if (other === undefined || other === transaction) break;
      chronicle.happened("database", "waited for the claim of another transaction");
      if (clock.nowMs() >= deadlineMs) throw busy("the lock was not released in time");
      const timeout = new AbortController();
      await Promise.race([other.ended, clock.sleep(deadlineMs - clock.nowMs(), timeout.signal)]);
      timeout.abort();
    }
    this.#claims.set(id, transaction);
    transaction.claimed.add(id);
  }

  rollBack(transaction: Transaction): void {
    for (const id of transaction.claimed) this.#claims.delete(id);
    transaction.end();
  }

  commit(transaction: Transaction, { records, refused }: Batch): void {
    // Its rows become visible together.
    for (const { id, sealedBody } of refused) {
      if (!transaction.claimed.has(id)) continue;
      this.quarantine.add(id);
      const sent = this.#sent(id);
      if (sent?.kind === "good") this.#world.chronicle.break(`${id} is in the quarantine and nothing is wrong with it`);
      if (sent?.body !== Buffer.from(sealedBody).toString())
        this.#world.chronicle.break(`${id} was not quarantined as sent`);
    }
    for (const { id, rows } of records) if (transaction.claimed.has(id)) this.#addRows(id, rows);
    for (const id of transaction.claimed) {
      if (this.rows.has(id) && this.quarantine.has(id)) this.#world.chronicle.break(`${id} is stored and quarantined`);
    }
    this.rollBack(transaction);
  }

  #addRows(id: string, added: MaskedRecord["rows"]): void {
    const { chronicle } = this.#world;
    const body = String(added[0]?.values[0]);
    const rows = this.rows.get(id) ?? [];
    this.rows.set(id, [...rows, body]);
    if (rows.length > 0) chronicle.break(`${id} was stored twice`);
    if (JSON.stringify(added) !== JSON.stringify(rowsOf(body)))
      chronicle.break(`${id} was not stored with all of its rows`);
    const sent = this.#sent(id);
    if (sent === undefined) return;
    if (body !== sent.body) chronicle.break(`${id} was not stored as sent`);
    if (sent.groupId !== null) this.#checkOrder(sent);
  }

  /** Everything before it in its group is stored, quarantined or gone to the dead-letter queue. */
  #checkOrder(stored: SentMessage): void {
    for (const earlier of this.#world.sent.values()) {
      if (earlier === stored) return;
      if (earlier.groupId !== stored.groupId || this.deadLettered.has(earlier.id)) continue;
      if (!this.isCommitted(earlier.id))
        this.#world.chronicle.break(`${stored.id} was stored before ${earlier.id} of its group was settled`);
    }
  }

  #sent(id: string): SentMessage | undefined {
    const sent = this.#world.sent.get(id);
    if (sent === undefined) this.#world.chronicle.break(`${id} was stored and never sent`);
    return sent;
  }
}

export function lost(message: string): PiipeError {
  return new PiipeError("database.unreachable", message, { retryable: true });
}

export function busy(message: string): PiipeError {
  return new PiipeError("database.busy", message, { retryable: true });
}
