import { PiipeError } from "../../src/errors.ts";
import type { Batch, BatchOutcome, MaskedRecord, Sink, WriteOutcome } from "../../src/pipeline/contracts.ts";
import { DatabaseFailure } from "../../src/postgres/database-failure.ts";
import { bisect } from "../../src/write/bisect.ts";
import { cutShort } from "./cut-short.ts";
import type { PlannedFault, Step } from "./fault-plan.ts";
import { type Life, never } from "./life.ts";
import { busy, lost, type ModelDatabase, type Transaction } from "./model-database.ts";
import type { MessageKind } from "./scenario.ts";
import type { World } from "./world.ts";

const DECLARED: ReadonlySet<string> = new Set(["body"]);
const REJECTED_MAX = 100;
/** When the server notices that a client which holds a transaction is gone. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
/** Nobody waits longer for a connection. */
const HANG_MAX_MS = 60_000;
/** A COMMIT whose reply was lost is not under way for longer. */
const IN_DOUBT_MAX_MS = 600_000;

/** A worker's way to the database. Writes as the real sink does: one transaction, or several around rows that are refused. */
export class DatabaseConnection implements Sink {
  readonly #database: ModelDatabase;
  readonly #life: Life;
  readonly #world: World;
  #stored: MaskedRecord | null = null;

  constructor(database: ModelDatabase, life: Life, world: World) {
    this.#database = database;
    this.#life = life;
    this.#world = world;
  }

  async write(
    { records, refused }: Batch,
    abort: AbortSignal,
    { earlierTell } = { earlierTell: false },
  ): Promise<BatchOutcome> {
    if (records.length === 0) return this.#writeOnce({ records, refused }, abort);
    let ofRefused: readonly WriteOutcome[] = [];
    const write = async (part: Batch["records"]): Promise<readonly WriteOutcome[]> => {
      const isWithRefused = ofRefused.length < refused.length;
      const written = await this.#writeOnce({ records: part, refused: isWithRefused ? refused : [] }, abort);
      if (isWithRefused) ofRefused = written.refused;
      this.#stored = part[written.records.findLastIndex(({ kind }) => kind === "stored")] ?? this.#stored;
      return written.records;
    };
    // As the pipeline sets it up: order is kept only when nothing is stored before what was refused is in quarantine.
    const rejectedMax = this.#world.scenario.queue.isFifo ? 1 : REJECTED_MAX;
    const witness = earlierTell ? this.#stored : null;
    let hasEarlierTold = false;
    const wouldStore = async (record: MaskedRecord): Promise<boolean> => {
      const passes = await this.#wouldStore(record.id, abort);
      hasEarlierTold ||= record === witness;
      return passes || record === witness;
    };
    const random = (): number => this.#world.clock.random();
    const outcomes = await bisect(records, { declared: DECLARED, write, wouldStore, witness, random, rejectedMax });
    return { records: outcomes, refused: ofRefused, ...(hasEarlierTold ? { earlierTold: true } : {}) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #writeOnce(batch: Batch, abort: AbortSignal): Promise<BatchOutcome> {
    if (batch.records.length + batch.refused.length === 0) return Promise.resolve({ records: [], refused: [] });
    const interrupted = (): PiipeError => new PiipeError("interrupted", "stopped while writing");
    return this.#life.mortal(cutShort(this.#transact(batch, abort), abort, interrupted));
  }

  async #transact(batch: Batch, abort: AbortSignal): Promise<BatchOutcome> {
    const { random } = this.#world;
    const isGone = (): boolean => abort.aborted || !this.#life.isAlive;
    if (isGone()) return never();
    const ids = [...batch.records, ...batch.refused].map(({ id }) => id);
    if (this.#world.scenario.untilEmpty && ids.some((id) => this.#life.unwritable.has(id)))
      this.#world.chronicle.break(`${this.#life.name} tries again what failed for good`);
    await this.#begin();
    await this.#world.travel();
    const transaction = this.#open(ids);
    try {
      // In one order, whatever the batch's: as the real claim.
      for (const id of ids.toSorted()) await this.#database.claim(transaction, id);
      await this.#world.travel();
      await this.#hold(transaction);
      if (isGone()) throw lost("the client is gone");
      this.#checkRows(batch, transaction, "unfit");
      this.#checkRows(batch, transaction, "barred");
      await this.#world.travel();
      // The COMMIT was sent; whether it arrives when its client goes now is chance.
      if (isGone() && random.chance(0.5)) throw lost("the client is gone");
      this.#checkRows(batch, transaction, "unfit at COMMIT");
      await this.#commit(transaction, batch);
    } catch (error) {
      if (!(error instanceof StillOpen)) this.#database.rollBack(transaction);
      throw error instanceof StillOpen ? error.told : error;
    }
    await this.#world.travel();
    const outcomeOf = (kind: "stored" | "quarantined", id: string): WriteOutcome => ({
      kind: transaction.claimed.has(id) ? kind : "duplicate",
    });
    return {
      records: batch.records.map(({ id }) => outcomeOf("stored", id)),
      refused: batch.refused.map(({ id }) => outcomeOf("quarantined", id)),
    };
  }

  #open(ids: readonly string[]): Transaction {
    try {
      return this.#database.begin();
    } catch (error) {
      if (error instanceof PiipeError && !error.retryable) for (const id of ids) this.#life.unwritable.add(id);
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const fault = this.#pass("begin");
    switch (fault?.kind) {
      case "unreachable":
        throw lost("no connection");
      case "hang":
        await this.#world.clock.sleep(Math.min(fault.lastsMs, HANG_MAX_MS));
        throw lost("no connection in time");
      case "outage":
        this.#database.takeDown(fault.lastsMs);
        break;
      case "halt":
        this.#database.halt(fault.lastsMs);
        break;
      case "crash before":
        return this.#crash(fault);
      default:
    }
  }

  async #hold(transaction: Transaction): Promise<void> {
    const { clock } = this.#world;
    const fault = this.#pass("claim");
    switch (fault?.kind) {
      case "cut":
        throw lost("the connection was cut");
      case "deadlock":
        throw busy("deadlock");
      case "half-open":
        clock.after(IDLE_IN_TRANSACTION_TIMEOUT_MS, () => this.#database.rollBack(transaction));
        throw new StillOpen(lost("the connection is dead, and the server does not know it"));
      case "slow":
        await clock.sleep(Math.min(fault.lastsMs, IDLE_IN_TRANSACTION_TIMEOUT_MS));
        break;
      case "crash after":
        this.#database.rollBack(transaction);
        return this.#crash(fault);
      default:
    }
  }

  async #commit(transaction: Transaction, batch: Batch): Promise<void> {
    const { clock, random } = this.#world;
    const commit = (): void => this.#database.commit(transaction, batch);
    const fault = this.#pass("commit");
    switch (fault?.kind) {
      case "rolled back":
        throw busy("COMMIT answered ROLLBACK");
      case "cut before arrival":
        throw lost("the connection was cut before COMMIT arrived");
      case "lost reply":
        commit();
        throw new StillOpen(lost("the reply to COMMIT was lost"));
      case "in doubt":
        clock.after(Math.min(fault.lastsMs, IN_DOUBT_MAX_MS), commit);
        throw new StillOpen(lost("the connection was cut during COMMIT"));
      case "slow":
        await clock.sleep(fault.lastsMs);
        break;
      case "crash before":
        this.#database.rollBack(transaction);
        return this.#crash(fault);
      case "crash during":
        clock.after(fault.lastsMs / 2, () => (random.chance(0.5) ? commit() : this.#database.rollBack(transaction)));
        return this.#crash(fault);
      case "crash after":
        commit();
        return this.#crash(fault);
      default:
    }
    commit();
  }

  #pass(step: Step): PlannedFault | null {
    if (!this.#life.isAlive) return null;
    const { plan } = this.#world;
    const fault = plan.pass(step);
    if (fault !== null) plan.fire(this.#life.name, fault);
    return fault;
  }

  #crash({ lastsMs }: PlannedFault): Promise<never> {
    this.#life.crash(lastsMs);
    return never();
  }

  /** As a transaction that is rolled back. */
  async #wouldStore(id: string, abort: AbortSignal): Promise<boolean> {
    await this.#life.mortal(this.#world.travel());
    const { kind } = this.#world.sent.get(id) ?? {};
    if (abort.aborted) throw new PiipeError("interrupted", "stopped while writing");
    if (kind !== "good") throw refusalOf(kind === "barred" ? kind : "unfit");
    return !this.#database.isCommitted(id);
  }

  #checkRows({ records }: Batch, { claimed }: Transaction, kind: Refused): void {
    const isUnfit = records.some(({ id }) => claimed.has(id) && this.#world.sent.get(id)?.kind === kind);
    if (!isUnfit) return;
    this.#world.chronicle.happened("database", `row ${kind}`);
    throw refusalOf(kind);
  }
}

type Refused = Exclude<MessageKind, "good" | "bad">;

function refusalOf(kind: Refused): DatabaseFailure {
  return kind === "barred"
    ? new DatabaseFailure(
        { fate: "doubt", code: "database.refused", sentence: "a trigger raised an error", refuser: "trigger" },
        { code: "P0001", schema: null, table: null, column: null, constraint: null },
        "writing",
      )
    : new DatabaseFailure(
        { fate: "bisect", code: "database.refused", sentence: "a constraint of the table refused a row" },
        { code: "23514", schema: "public", table: "events", column: null, constraint: "fits" },
        "writing",
      );
}

/** The client was told of a failure, while the transaction is not rolled back. */
class StillOpen extends Error {
  readonly told: PiipeError;

  constructor(told: PiipeError) {
    super(told.message);
    this.told = told;
  }
}
