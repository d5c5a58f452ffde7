import { PiipeError } from "../errors.ts";
import type { Emit } from "../telemetry/events.ts";
import { type BatchLimits, Batcher } from "./batcher.ts";
import { Condition } from "./condition.ts";
import type {
  BatchOutcome,
  Clock,
  Decode,
  Delivery,
  Mask,
  Rejection,
  Seal,
  Settlement,
  Sink,
  Source,
} from "./contracts.ts";
import { EmptyWatch } from "./empty-watch.ts";
import { ReceiptFindings, NewFields } from "./findings.ts";
import { Halt } from "./halt.ts";
import { Hold } from "./hold.ts";
import { LeftMessages } from "./left-messages.ts";
import { OpenBatch, divideBatch } from "./open-batch.ts";
import { addRareCounts, rareCountsOf } from "./rare-counts.ts";
import { JUDGED_FROM_EVENTS, RefusalJudge, quarantineFull } from "./refusal-judge.ts";
import { sealDelivery } from "./sealed-delivery.ts";
import type { Totals } from "./totals.ts";
import { writeWithRetry } from "./write-with-retry.ts";

/** Each delivery takes mask and seal from here: others may take their place between two deliveries. */
export interface EngineStages {
  readonly source: Source;
  readonly decode: Decode;
  readonly mask: Mask;
  readonly sink: Sink;
  /**
   * null: no key to seal with. A refused message then stays in the queue, for its dead-letter queue to take. An ordered
   * source needs one: what follows a message that stays would overtake it.
   */
  readonly seal: Seal | null;
  /** Takes room in the quarantine for a refused event; false: it is full. Left out: it has no end. */
  readonly takeRoom?: (bytes: number) => boolean;
}

export interface EngineLimits extends BatchLimits {
  /** Deliveries received but not settled. */
  readonly inFlightMax: number;
  /** Bytes of their bodies and attributes, and of what was unpacked from them. */
  readonly inFlightBytesMax: number;
  /** What an event may have whose body is packed: as much is kept free for each that is received. Left out: none is packed. */
  readonly unpackedBytesMax?: number;
  /** Concurrent write transactions. An ordered source always has one. */
  readonly writesInFlightMax: number;
  /** Give up when writes have failed for so long; null: try for ever. */
  readonly giveUpAfterMs: number | null;
  /**
   * Whether few messages are taken before anything was written. False for a source whose messages were all received before
   * the run: they have cost a receive already. Default: true.
   */
  readonly startsSmall?: boolean;
}

/** What goes over from one run of a pipeline to its next. */
export interface Carried {
  readonly totals: Totals;
  readonly judge: RefusalJudge;
  /** Refused, and left in the queue. */
  readonly left: LeftMessages;
}

/** @param haltAboveShare halt when more than this share of recent events is refused; 1 never halts */
export const carriedOver = (haltAboveShare: number, clock: Clock): Carried => ({
  totals: { received: 0, stored: 0, skipped: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 },
  judge: new RefusalJudge(haltAboveShare, clock),
  left: new LeftMessages(LEFT_REMEMBERED_MAX),
});

/** What ends a run. */
export interface RunEnd {
  /** Stop receiving, finish what was received. */
  readonly stop: AbortSignal;
  /** Cancel I/O now; what is unsettled is redelivered later. */
  readonly abort: AbortSignal;
  /**
   * End by itself once the queue held nothing so many times in a row; 0: once nothing more is given, as by a source that has
   * all of its messages at the start; null: run until stopped.
   */
  readonly emptyConfirmations: number | null;
}

/**
 * Messages in flight before anything was written, in a run that ends by itself, as it also does when nothing can be written.
 * Whatever does not work, start after start, shall cost few messages a receive: SQS counts them, and moves what was received
 * too often to a dead-letter queue.
 */
const PROBE_MESSAGES = 10;
/** A message that was not settled comes back after this, times its earlier attempts; a refused one, times all. */
const RETRIED_DELAY_SECONDS = 10;
const RETRIED_DELAY_SECONDS_MAX = 900;
/** About 10 MB of ids. */
const LEFT_REMEMBERED_MAX = 100_000;
/** Room is counted in messages: bytes become messages by the mean size seen, and by this before any was seen. */
const FIRST_BYTES = 4_096;

const DELETE: Settlement = { kind: "delete" };
type Release = Extract<Settlement, { readonly kind: "release" }>;

/**
 * The bounded loop: receive → decode → mask → batch → write → settle.
 *
 * It owns the promise of delivery: a delivery is settled with `delete` only after the transaction that holds it was
 * committed, and everything it holds at once is bounded by messages and by bytes. It knows no SQS and no PostgreSQL.
 * One instance runs once. One file, although a long one: every step moves the same counts of what is in flight.
 */
export class Engine {
  readonly totals: Totals;
  readonly #stages: EngineStages;
  readonly #limits: EngineLimits;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #judge: RefusalJudge;
  readonly #batcher: Batcher;
  readonly #writesMax: number;
  /** Fires when nothing more shall be received: stop, abort or failure. */
  readonly #receiving = new AbortController();
  /** Notified whenever room, work or a signal changes. */
  readonly #changed = new Condition();
  #abort: AbortSignal = new AbortController().signal;
  #stop: AbortSignal = this.#abort;
  #endsByItself = false;
  readonly #failed = new AbortController();
  #failure: unknown = null;
  /** Too much was refused: the run ends, after what is good was written. */
  #halt: Halt | null = null;
  /** No row of a batch can be written: nothing else is, either, but together with it. */
  #hold: Hold | null = null;
  /** Something was written. */
  #hasWritten = false;
  #writing = 0;
  /** Writes and settlements under way. */
  #tasks = 0;
  #inFlight = 0;
  #inFlightBytes = 0;
  /** Of them, by delivery: what its event has beyond it. Only of those that were packed. */
  readonly #unpackedBytes = new Map<Delivery, number>();
  #bytesMean = FIRST_BYTES;
  /** Since the last batch: for its report. */
  #processed = 0;
  #processMs = 0;
  #left: LeftMessages;
  /** The order of what is in flight. Empty for a source without order. */
  readonly #places = new Map<Delivery, number>();
  #nextPlace = 0;
  readonly #newFields = new NewFields();

  constructor(stages: EngineStages, limits: EngineLimits, { totals, judge, left }: Carried, clock: Clock, emit: Emit) {
    this.#stages = stages;
    this.totals = totals;
    this.#limits = limits;
    this.#clock = clock;
    this.#emit = emit;
    this.#judge = judge;
    this.#left = left;
    this.#batcher = new Batcher({
      limits,
      clock,
      judge: this.#judge,
      isWriting: () => this.#writing > 0,
      // Others may hold for as long what would tell more.
      onDoubtsOver: () => this.#endsByItself && this.#hasHaltedAtEnd(),
      onReady: () => this.#startWrites(),
    });
    this.#writesMax = stages.source.ordered ? 1 : limits.writesInFlightMax;
  }

  /** Deliveries received but not settled. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Runs until stopped, empty or failed; resolves when everything received is settled.
   * @throws {PiipeError} `interrupted` when aborted with deliveries unsettled; any other when a service or the data
   * stops the pipeline: what no transaction holds is released first
   */
  async run(options: RunEnd): Promise<Totals> {
    const { stop, abort, emptyConfirmations } = options;
    if (this.#stages.source.ordered && !this.#stages.seal)
      throw new Error("an ordered source needs a key to seal with");
    this.#abort = abort;
    this.#stop = stop;
    // What a run leaves behind must all be known to it, or it would wait for it for ever.
    this.#endsByItself = emptyConfirmations !== null;
    if (emptyConfirmations !== null && emptyConfirmations > 0) this.#left = new LeftMessages(Number.POSITIVE_INFINITY);
    const stopReceiving = (): void => {
      this.#receiving.abort();
      if (this.#hold?.wakeLast() === false) this.#hold.wake();
      this.#changed.notify();
    };
    stop.addEventListener("abort", stopReceiving);
    abort.addEventListener("abort", stopReceiving);
    if (stop.aborted || abort.aborted) stopReceiving();
    try {
      await this.#receiveLoop(emptyConfirmations);
      await this.#takeWhatHasCome();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#inFlight > 0) this.#emit({ type: "pipeline.draining", inFlight: this.#inFlight });
    await this.#drained();
    this.#batcher.close();
    this.#hold?.end();
    stop.removeEventListener("abort", stopReceiving);
    abort.removeEventListener("abort", stopReceiving);

    const isBug = this.#failed.signal.aborted && !(this.#failure instanceof PiipeError);
    if (this.#halt && !isBug) throw this.#halt.error;
    if (this.#failed.signal.aborted) throw this.#failure;
    if (this.#inFlight > 0) {
      this.#emit({ type: "pipeline.aborted", unsettled: this.#inFlight });
      throw new PiipeError(
        "interrupted",
        `stopped before all received messages were settled (${this.#inFlight} left)`,
        {
          hint: "Nothing is lost: they become visible in the queue again when their visibility timeout ends.",
        },
      );
    }
    this.#emit({ type: "pipeline.stopped" });
    return this.totals;
  }

  async #receiveLoop(emptyConfirmations: number | null): Promise<void> {
    const { source } = this.#stages;
    const stop = this.#receiving.signal;
    const { giveUpAfterMs } = this.#limits;
    const watch =
      emptyConfirmations === null
        ? null
        : new EmptyWatch(source, this.#clock, {
            confirmations: emptyConfirmations,
            giveUpAfterMs,
            emit: this.#emit,
          });
    while (!stop.aborted) {
      const room = this.#room();
      if (room === 0) {
        // A batch that can no longer fill must not wait for its linger.
        if (this.#writing === 0) this.#batcher.flush();
        if (watch && this.#writing === 0 && this.#hold?.wakeLast() !== true) this.#throwHeld();
        await this.#changed.wait();
        continue;
      }
      const deliveries = await source.receive(room, stop);
      if (deliveries.length > 0) {
        watch?.reset();
        this.#ingest(deliveries);
      }
      if (!source.hasMore) this.#batcher.endLinger();
      if (deliveries.length === 0 && watch) {
        await this.#drained({ butForDoubts: true, butForHeld: true });
        // Messages that others hold may yet come, and tell more of the queue.
        const waitsForOthers = this.#batcher.isInDoubt || this.#hold?.isAlone === false;
        if (waitsForOthers && !(await watch.isEmpty(this.#leftCount() + this.#inFlight, stop))) continue;
        if (stop.aborted) return;
        if (this.#hold?.wakeLast() === true) continue;
        this.#throwHeld();
        if (this.#batcher.isInDoubt && this.#hasHaltedAtEnd()) return;
        await this.#drained({ butForHeld: true });
        if (stop.aborted) return;
        if (this.#hold || !(await watch.isEmpty(this.#leftCount(), stop))) continue;
        if (!stop.aborted) this.#hasHaltedAtEnd();
        return;
      }
    }
  }

  /** A run that ends by itself does not wait for a table that takes no row. */
  #throwHeld(): void {
    if (this.#hold && !this.#hold.isWriting) throw this.#hold.error;
  }

  #hasHaltedAtEnd(): boolean {
    const error = this.#judge.judgeEnd();
    if (error) this.#beginHalt(error);
    return error !== null;
  }

  /** What the source has at hand when the run halts was received: what is good of it shall not be so in vain. */
  async #takeWhatHasCome(): Promise<void> {
    while (this.#halt && !this.#failed.signal.aborted && !this.#abort.aborted) {
      const room = this.#room();
      if (room === 0) {
        await this.#changed.wait();
        continue;
      }
      const deliveries = await this.#stages.source.receive(room, this.#receiving.signal);
      if (deliveries.length === 0) return;
      this.#ingest(deliveries);
    }
  }

  /** Messages that this run left in the queue on purpose. */
  #leftCount(): number {
    return this.#left.countAt(this.#clock.nowMs());
  }

  /** How many more deliveries may be received. */
  #room(): number {
    const messages = Math.min(this.#limits.inFlightMax, this.#messagesMax()) - this.#inFlight;
    const bytes = this.#limits.inFlightBytesMax - this.#inFlightBytes;
    const room = Math.min(messages, Math.floor(bytes / (this.#limits.unpackedBytesMax ?? this.#bytesMean)));
    // With nothing in flight no settlement would ever make room: one message must always fit.
    return Math.max(this.#inFlight === 0 ? 1 : 0, room);
  }

  /** More only once all goes well. */
  #messagesMax(): number {
    if (this.#hold) return this.#hold.inFlightMax;
    if (this.#halt || this.#hasWritten || this.#limits.startsSmall === false) return Number.POSITIVE_INFINITY;
    // As long as those before tell too little, others must come.
    return this.#endsByItself && !this.#judge.needsMore ? PROBE_MESSAGES : JUDGED_FROM_EVENTS;
  }

  #ingest(deliveries: readonly Delivery[]): void {
    let bytes = 0;
    let redelivered = 0;
    let oldestSentAtMs = Number.POSITIVE_INFINITY;
    for (const delivery of deliveries) {
      bytes += delivery.bytes;
      oldestSentAtMs = Math.min(oldestSentAtMs, delivery.sentAtMs);
      if (delivery.attempt > 1) redelivered += 1;
    }
    this.totals.received += deliveries.length;
    this.#inFlight += deliveries.length;
    this.#inFlightBytes += bytes;
    this.#bytesMean += (Math.max(1, bytes / deliveries.length) - this.#bytesMean) / 8;
    this.#emit({ type: "deliveries.received", count: deliveries.length, redelivered, bytes, oldestSentAtMs });
    if (this.#abort.aborted) return;

    const startedMs = this.#clock.elapsedMs();
    const released = new Map<Delivery, Settlement>();
    const findings = new ReceiptFindings();
    for (const delivery of deliveries) {
      if (this.#stages.source.ordered) this.#places.set(delivery, this.#nextPlace++);
      this.#orGiveBack(delivery, released, () => this.#take(delivery, released, findings));
    }
    this.#processed += deliveries.length;
    this.#processMs += this.#clock.elapsedMs() - startedMs;
    for (const event of findings.events(this.#newFields)) this.#emit(event);
    if (released.size > 0) void this.#settle(released);
  }

  /** Runs the work that puts a delivery into a batch. What it throws ends the run: the bug of a stage. */
  #orGiveBack(delivery: Delivery, released: Map<Delivery, Settlement>, work: () => void): void {
    try {
      if (!this.#failed.signal.aborted) return work();
    } catch (error) {
      this.#fail(error);
    }
    released.set(delivery, givenBack(delivery));
  }

  /** Decodes and masks one delivery into the open batch. */
  #take(delivery: Delivery, released: Map<Delivery, Settlement>, findings: ReceiptFindings): void {
    const decoded = this.#stages.decode(delivery);
    const masked = decoded.ok ? this.#stages.mask(decoded.value) : decoded;
    // A left message that comes back tells nothing new.
    const error = this.#halt || this.#left.has(delivery.id) ? null : this.#judge.countEvent(!masked.ok);
    if (error) this.#beginHalt(error);
    if (this.#halt?.isUnderWay === true && !this.#halt.admits(delivery, masked.ok)) {
      released.set(delivery, refusedBack(delivery));
    } else if (!masked.ok) {
      this.#refuse(delivery, masked.error, this.#batcher.open, released);
    } else {
      if (decoded.ok) findings.add(decoded.value, masked.value);
      if (masked.value.unpackedBytes !== undefined) this.#holdUnpacked(masked.value.unpackedBytes, delivery);
      this.#batcher.open.addRecord(masked.value, delivery);
    }
    this.#batcher.flushIfDue();
  }

  #holdUnpacked(bytes: number, delivery: Delivery): void {
    this.#unpackedBytes.set(delivery, bytes - delivery.bytes);
    this.#inFlightBytes += bytes - delivery.bytes;
  }

  /** What a settled delivery held beyond its own bytes. */
  #forgetUnpacked(delivery: Delivery): number {
    if (this.#unpackedBytes.size === 0) return 0;
    const bytes = this.#unpackedBytes.get(delivery) ?? 0;
    this.#unpackedBytes.delete(delivery);
    return bytes;
  }

  /** Sends a refused event to the quarantine, in the batch; with no key to seal it, leaves its message in the queue. */
  #refuse(delivery: Delivery, rejection: Rejection, batch: OpenBatch, released: Map<Delivery, Settlement>): void {
    const { seal, takeRoom, source } = this.#stages;
    const isFull = seal !== null && takeRoom?.(delivery.bytes) === false;
    // What follows in its group would overtake an event that is left.
    if (isFull && source.ordered) throw quarantineFull();
    if (seal && !isFull) {
      const { id, sentAtMs, attempt } = delivery;
      batch.addRefused({ id, sentAtMs, attempt, rejection, ...sealDelivery(delivery, seal, source.name) }, delivery);
    } else {
      const settlement = refusedBack(delivery);
      this.#left.add(delivery.id, this.#clock.nowMs() + settlement.delaySeconds * 1_000);
      this.totals.left += 1;
      released.set(delivery, settlement);
    }
    this.#emit({
      type: "event.refused",
      messageId: delivery.id,
      ...rejection,
      fate: isFull ? "full" : seal ? "quarantine" : "left",
    });
  }

  #startWrites(): void {
    while (this.#writing < this.#writesMax && !this.#abort.aborted) {
      const batch = this.#hold ? this.#nextHeld(this.#hold) : this.#batcher.next();
      if (!batch) return;
      this.#writing += 1;
      void this.#write(batch);
    }
  }

  #nextHeld(hold: Hold): OpenBatch | undefined {
    return hold.takes(() => this.#batcher.next()) ? hold.batch : undefined;
  }

  async #write(batch: OpenBatch): Promise<void> {
    this.#tasks += 1;
    const settled = new Map<Delivery, Settlement>();
    const earlierTell = this.#mayEarlierTell(batch);
    try {
      const startedMs = this.#clock.elapsedMs();
      const outcome = await writeWithRetry(this.#stages.sink, batch, {
        clock: this.#clock,
        emit: this.#emit,
        stop: this.#stop,
        abort: this.#abort,
        failed: this.#failed.signal,
        giveUpAfterMs: this.#limits.giveUpAfterMs,
        earlierTell,
      });
      if (this.#hold?.batch === batch) this.#release(this.#hold);
      this.#account(batch, outcome, settled, hundredths(this.#clock.elapsedMs() - startedMs));
    } catch (error) {
      const mayTellNow = !earlierTell && this.#mayEarlierTell(batch) && !this.#failed.signal.aborted;
      if (this.#isHeldFor(error)) this.#keep(batch, error, settled);
      else if (error instanceof PiipeError && error.mayBeData && mayTellNow) {
        if (this.#hold?.batch === batch) this.#release(this.#hold);
        this.#batcher.putBack(batch);
      } else {
        if (this.#hold?.batch === batch) this.#release(this.#hold);
        if (!this.#abort.aborted) this.#fail(error);
        for (const delivery of batch.deliveries) settled.set(delivery, givenBack(delivery));
      }
    }
    // The next write need not wait for this one's deletes.
    this.#writing -= 1;
    this.#startWrites();
    await this.#settle(settled);
    this.#tasks -= 1;
    this.#changed.notify();
  }

  /** What comes next tells better of a table than what was stored before, and a table may change. */
  #mayEarlierTell(batch: OpenBatch): boolean {
    // Nothing comes next.
    if (this.#receiving.signal.aborted) return true;
    const hold = this.#hold;
    if (hold?.batch !== batch) return false;
    const refusedMost = this.#stages.source.ordered ? 1 : batch.records.length;
    return this.#judge.admitsByEarlier(refusedMost) ? hold.isAlone : hold.isLongAlone;
  }

  /** No retry mends it, and giving back would only spend the receives of what it holds up. */
  #isHeldFor(error: unknown): error is PiipeError {
    if (!(error instanceof PiipeError) || error.retryable) return false;
    if (this.#stop.aborted || this.#abort.aborted || this.#failed.signal.aborted) return false;
    // What is good before a halt, too; but a run that ends by itself ends then.
    return (error.mayBeData && !this.#halt) || !this.#endsByItself;
  }

  /** What is refused of a batch that was filled before a halt goes back first. */
  #keep(batch: OpenBatch, error: PiipeError, settled: Map<Delivery, Settlement>): void {
    const halt = this.#halt;
    if (!halt || (halt.isUnderWay && batch.refused.length === 0)) return this.#holdUp(batch, error);
    if (this.#hold?.batch === batch) this.#release(this.#hold);
    for (const [delivery, settlement] of this.#divide(halt, batch, [])) settled.set(delivery, settlement);
    const good = this.#batcher.next();
    if (good) this.#holdUp(good, error);
  }

  #holdUp(batch: OpenBatch, error: PiipeError): void {
    const hold = this.#hold;
    if (hold?.batch === batch) return hold.again(error);
    // It joins the other at its next try.
    if (hold) return this.#batcher.add(batch);
    this.#hold = new Hold(batch, error, {
      // Others must come that tell, beside what a service begins with.
      inFlightMax: Math.max(this.#inFlight, this.#endsByItself ? 0 : JUDGED_FROM_EVENTS) + JUDGED_FROM_EVENTS,
      clock: this.#clock,
      onWait: (attempt, delayMs) => {
        const { code, sqlState, message, hint } = this.#hold?.error ?? error;
        this.#emit({ type: "batch.held", code, sqlState, message, hint, attempt, delayMs });
      },
      onDue: () => this.#startWrites(),
    });
  }

  #release(hold: Hold): void {
    hold.end();
    this.#hold = null;
  }

  /** Turns the outcome of a batch into settlements; what the sink rejected goes on as a refused event. */
  #account(batch: OpenBatch, outcome: BatchOutcome, settled: Map<Delivery, Settlement>, elapsedMs: number): void {
    const { written, rejected, rest } = divideBatch(batch, outcome);
    this.#hasWritten ||= written.size > 0;
    const counts = { stored: 0, duplicate: 0, quarantined: 0, rejected: rejected.size };
    for (const [delivery, kind] of written) {
      counts[kind] += 1;
      settled.set(delivery, DELETE);
    }
    const misfits = [...rejected.keys()].filter(({ id }) => !this.#left.has(id)).length;
    const isByEarlier = outcome.earlierTold === true && counts.stored === 0;
    const error = this.#halt
      ? null
      : (this.#judge.countRows(misfits, counts.stored) ??
        (isByEarlier ? this.#judge.countByEarlier(rejected.size) : null));
    const { skipped = 0, dropped = 0 } = outcome;
    counts.stored -= skipped + dropped;
    if (error) this.#beginHalt(error);
    this.#goOn(rest, rejected, settled);
    this.totals.stored += counts.stored;
    this.totals.skipped += skipped;
    addRareCounts(this.totals, outcome);
    this.totals.duplicate += counts.duplicate;
    const differing = outcome.records.filter((result) => result.kind === "duplicate" && result.differs).length;
    if (differing > 0) {
      this.totals.differing = (this.totals.differing ?? 0) + differing;
      this.#emit({ type: "duplicates.differed", count: differing });
    }
    this.totals.quarantined += counts.quarantined;
    const oldestSentAtMs = batch.oldestSentAtMs;
    const [processed, processMs] = [this.#processed, this.#processMs];
    this.#processed = 0;
    this.#processMs = 0;
    this.#emit({
      type: "batch.written",
      ...counts,
      ...(skipped > 0 && { skipped }),
      ...rareCountsOf(outcome),
      elapsedMs,
      oldestSentAtMs,
      processed,
      processMs: hundredths(processMs),
    });
    if (skipped > 0) this.#emit({ type: "rows.skipped", count: skipped });
  }

  /** Has the rest of a batch written, and what the sink rejected of it refused. */
  #goOn(rest: OpenBatch, rejected: ReadonlyMap<Delivery, Rejection>, settled: Map<Delivery, Settlement>): void {
    if (this.#failed.signal.aborted) {
      for (const delivery of [...rejected.keys(), ...rest.deliveries]) settled.set(delivery, givenBack(delivery));
      return;
    }
    if (this.#halt) {
      for (const [delivery, settlement] of this.#divide(this.#halt, rest, rejected.keys())) {
        settled.set(delivery, settlement);
      }
      return;
    }
    const batch = this.#batcher.putBack(rest);
    for (const [delivery, rejection] of rejected) {
      this.#orGiveBack(delivery, settled, () => this.#refuse(delivery, rejection, batch, settled));
    }
    this.#batcher.flushIfDue();
  }

  /** Receives no more, and keeps what is good of what no transaction holds yet. */
  #beginHalt(error: PiipeError): void {
    if (this.#halt || this.#failed.signal.aborted) return;
    this.#halt = new Halt(error, this.#stages.source.ordered);
    this.#receiving.abort();
    const hold = this.#hold;
    if (hold && !hold.isWriting) {
      this.#release(hold);
      this.#batcher.putBack(hold.batch);
    }
    // In order, what waits is judged by what is being written before it.
    if (!this.#stages.source.ordered || this.#writing === 0) {
      void this.#settle(new Map(this.#divide(this.#halt, new OpenBatch(), [])));
      this.#startWrites();
    }
    this.#changed.notify();
  }

  /**
   * Has what is good of a batch written, and of all that waits behind it.
   * @param refused what the sink rejected of the batch @returns what becomes of the rest
   */
  #divide(halt: Halt, batch: OpenBatch, refused: Iterable<Delivery>): Array<readonly [Delivery, Settlement]> {
    halt.isUnderWay = true;
    const placeOf = (delivery: Delivery): number => this.#places.get(delivery) ?? 0;
    const divided = [halt.divide(batch, refused, placeOf)];
    for (const waiting of this.#batcher.takeBatches()) divided.push(halt.divide(waiting, [], placeOf));
    for (const { good } of divided) this.#batcher.add(good);
    return divided.flatMap(({ back }) => back.map((delivery) => [delivery, refusedBack(delivery)] as const));
  }

  /** Settles, and frees the room. After an abort nothing is settled: the queue redelivers it. */
  async #settle(settled: ReadonlyMap<Delivery, Settlement>): Promise<void> {
    if (settled.size === 0 || this.#abort.aborted) return;
    this.#tasks += 1;
    const startedMs = this.#clock.elapsedMs();
    try {
      const { refusal, ...report } = await this.#stages.source.settle(settled, this.#abort);
      this.totals.deleted += report.deleted;
      this.#emit({ type: "deliveries.settled", ...report, elapsedMs: hundredths(this.#clock.elapsedMs() - startedMs) });
      if (refusal !== undefined) this.#fail(refusal);
    } catch (error) {
      this.#fail(error);
    }
    this.#tasks -= 1;
    if (!this.#abort.aborted) {
      this.#inFlight -= settled.size;
      for (const delivery of settled.keys()) {
        this.#inFlightBytes -= delivery.bytes + this.#forgetUnpacked(delivery);
        this.#places.delete(delivery);
      }
    }
    this.#changed.notify();
  }

  /** Keeps the first failure, stops receiving and gives back what no transaction holds yet. */
  #fail(error: unknown): void {
    if (this.#failed.signal.aborted) return;
    this.#failure = error;
    this.#failed.abort();
    this.#receiving.abort();
    const hold = this.#hold?.isWriting === false ? this.#hold : null;
    if (hold) this.#release(hold);
    const back = [...(hold?.batch.deliveries ?? []), ...this.#batcher.takeAll()];
    void this.#settle(new Map(back.map((delivery) => [delivery, givenBack(delivery)])));
    this.#changed.notify();
  }

  /**
   * Resolves when everything received is settled, or is in doubt or held if that may wait; on abort, as soon as the I/O under way
   * has been cancelled.
   */
  async #drained({ butForDoubts = false, butForHeld = false } = {}): Promise<void> {
    while (this.#tasks > 0 || (this.#inFlight > 0 && !this.#abort.aborted)) {
      const isInDoubt = butForDoubts && this.#batcher.isInDoubt;
      if (!isInDoubt && !this.#abort.aborted) this.#batcher.flush();
      const mayWait = isInDoubt || (butForHeld && this.#hold !== null);
      if (mayWait && this.#tasks === 0) return;
      await this.#changed.wait();
    }
  }
}

/** The first time at once: another worker may do better. What has failed before must not use up its receives. */
function givenBack({ attempt }: Delivery): Release {
  return { kind: "release", delaySeconds: Math.min(RETRIED_DELAY_SECONDS_MAX, RETRIED_DELAY_SECONDS * (attempt - 1)) };
}

/** What was refused, or follows that, would be refused again. */
function refusedBack({ attempt }: Delivery): Release {
  return { kind: "release", delaySeconds: Math.min(RETRIED_DELAY_SECONDS_MAX, RETRIED_DELAY_SECONDS * attempt) };
}

/** Of a millisecond: more digits would only lengthen the log. */
function hundredths(elapsedMs: number): number {
  return Math.round(elapsedMs * 100) / 100;
}
