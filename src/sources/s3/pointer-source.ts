import { setMaxListeners } from "node:events";
import { type ErrorCode, PiipeError } from "../../errors.ts";
import { Condition } from "../../pipeline/condition.ts";
import type {
  Clock,
  Delivery,
  FindPointer,
  Pointing,
  S3Object,
  SettleReport,
  Settlement,
  Source,
} from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import { PollFailures } from "../sqs/poll-failures.ts";
import { deliveryWith, deliveryRefused, isOfObject } from "./fetched-delivery.ts";
import type { S3Client } from "./s3-client.ts";

export interface PointerSourceOptions {
  /** Whose deliveries may point to objects; closed by `close`. */
  readonly source: Source;
  /** Closed by `close`. */
  readonly objects: Pick<S3Client, "fetch" | "delete" | "close">;
  readonly findPointer: FindPointer;
  /** Of an object, and of a body that it is put into. */
  readonly bytesMax: number;
  /** Deletes an object once the message was deleted that pointed to it. */
  readonly deletesObjects: boolean;
  /** Of several sources that share the objects. Left out: it is one alone. */
  readonly given?: LastGiven;
  /** When fetching has failed for so long without a success between, `receive` throws; null: it tries for ever. */
  readonly giveUpAfterMs: number | null;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** When S3 last gave an object. */
export interface LastGiven {
  atMs: number;
}

/** Objects fetched at once; one while S3 fails. */
const FETCHES_MAX = 24;
/** Bodies that wait here, and objects under way. */
const HELD_BYTES_MAX = 32 * 1024 * 1024;
/** While S3 fails no more are received than so many that wait for it: each receive counts. */
const WAITING_MAX = 64;
/** S3 that gave an object so long ago denies another for its own sake. */
const GIVEN_TELLS_MS = 60_000;
const DELETES_MAX = 16;
/** With the drain, and what else is closed, below the usual grace of 30 s. */
const RELEASE_TIMEOUT_MS = 2_000;
/** As the engine does with what could not be written. */
const RETRIED_DELAY_SECONDS = 10;
const RETRIED_DELAY_SECONDS_MAX = 900;

interface Waiting {
  delivery: Delivery;
  /** null: nothing is left to be fetched. */
  pointing: Pointing | null;
  hasFailed: boolean;
}

/**
 * Deliveries with the objects that they point to: as the producers' library found them too large to send. What points nowhere
 * passes as it is, past those that wait; in an ordered source not past one of its group.
 *
 * A fault of S3 ends nothing that a later try may mend: deliveries wait here, kept hidden by their source. Only an object that
 * is missing, too large or no text, or that S3 denies while it gives others, makes its delivery a refused one.
 */
export class PointerSource implements Source {
  readonly name: string;
  readonly ordered: boolean;
  readonly #options: PointerSourceOptions;
  /** Notified when a wait of `receive` may be over. */
  readonly #changed = new Condition();
  readonly #failures: PollFailures;
  /** Received and not handed out, in the order of the source. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Of them, those whose object is to be fetched and is not under way. */
  #toFetch: Waiting[] = [];
  #fetching = 0;
  #fetchesMax = FETCHES_MAX;
  #isPausing = false;
  readonly #given: LastGiven;
  /** By message id, of objects that are to be deleted with it. */
  readonly #deletable = new Map<string, S3Object>();
  #receiving: Promise<void> | null = null;
  #wasEmpty = false;
  /** What the next `receive` throws. */
  #failure: unknown = null;
  #stop: AbortSignal | null = null;
  /** Fires at the stop, and at the end. */
  #ending = new AbortController().signal;
  readonly #closed = new AbortController();
  #closing: Promise<void> | null = null;

  constructor(options: PointerSourceOptions) {
    const { source, giveUpAfterMs, clock, emit } = options;
    this.#options = options;
    this.name = source.name;
    this.ordered = source.ordered;
    this.#given = options.given ?? { atMs: Number.NEGATIVE_INFINITY };
    this.#failures = new PollFailures(giveUpAfterMs, clock, emit, "GetObject");
    // Every fetch listens to it.
    setMaxListeners(0, this.#closed.signal);
  }

  get hasMore(): boolean {
    return this.#waiting.length > 0 || this.#options.source.hasMore;
  }

  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#stop !== stop) this.#follow(stop);
    for (;;) {
      const taken = this.#take(room);
      if (taken.length > 0) return taken;
      if (this.#failure !== null) throw this.#takeFailure();
      // After a stop nothing is fetched any more: what waits is given back at the end.
      const isEmpty = this.#wasEmpty && (this.#waiting.length === 0 || stop.aborted);
      this.#wasEmpty = false;
      if (isEmpty || room < 1) return [];
      this.#receiveMore(room);
      this.#startFetches();
      if (stop.aborted && this.#receiving === null) return [];
      await this.#changed.wait();
    }
  }

  async settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport> {
    const report = await this.#options.source.settle(settled, abort);
    if (this.#deletable.size > 0) await this.#deleteObjects(this.#freed(settled, report), abort);
    return report;
  }

  depth(signal: AbortSignal): Promise<number> {
    return this.#options.source.depth(signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    this.#stop?.removeEventListener("abort", this.#onStop);
    await this.#receiving;
    const unused = this.#waiting;
    this.#waiting = [];
    this.#toFetch = [];
    try {
      // Best effort: what cannot be released comes back when its visibility timeout ends.
      if (unused.length > 0) await this.#release(unused.map(({ delivery }) => delivery));
    } finally {
      await Promise.all([this.#options.source.close(), this.#options.objects.close()]);
    }
  }

  readonly #onStop = (): void => this.#changed.notify();

  #follow(stop: AbortSignal): void {
    this.#stop?.removeEventListener("abort", this.#onStop);
    this.#stop = stop;
    this.#ending = AbortSignal.any([stop, this.#closed.signal]);
    stop.addEventListener("abort", this.#onStop);
  }

  #takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  #take(room: number): readonly Delivery[] {
    if (this.#waiting.length === 0) return [];
    const taken: Delivery[] = [];
    const left: Waiting[] = [];
    const groupsLeft = new Set<string | null>();
    for (const waiting of this.#waiting) {
      const { delivery, pointing } = waiting;
      const isBehind = this.ordered && groupsLeft.has(delivery.groupId);
      if (pointing === null && !isBehind && taken.length < room) {
        taken.push(delivery);
        this.#waitingBytes -= delivery.bytes;
      } else {
        left.push(waiting);
        if (this.ordered) groupsLeft.add(delivery.groupId);
      }
    }
    this.#waiting = left;
    return taken;
  }

  #receiveMore(room: number): void {
    if (this.#receiving !== null || this.#waitingBytes >= HELD_BYTES_MAX) return;
    // Together with what waits here, no more than there is room for: it was received as well.
    const max = this.#fetchesMax === FETCHES_MAX ? room : Math.min(room, WAITING_MAX);
    const wanted = max - this.#waiting.length;
    if (wanted < 1) return;
    this.#receiving = this.#options.source
      .receive(wanted, this.#ending)
      .then((deliveries) => this.#accept(deliveries))
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#receiving = null;
        this.#changed.notify();
      });
  }

  #accept(deliveries: readonly Delivery[]): void {
    this.#wasEmpty = deliveries.length === 0;
    for (const delivery of deliveries) {
      const waiting = { delivery, pointing: this.#options.findPointer(delivery.body), hasFailed: false };
      this.#waiting.push(waiting);
      this.#waitingBytes += delivery.bytes;
      if (waiting.pointing !== null) this.#toFetch.push(waiting);
    }
    this.#startFetches();
  }

  #startFetches(): void {
    while (!this.#isPausing && !this.#ending.aborted && this.#fetching < this.#fetchesMax) {
      const next = this.#nextToFetch();
      if (next === undefined) return;
      this.#toFetch.splice(this.#toFetch.indexOf(next), 1);
      void this.#fetch(next);
    }
  }

  /** One that has not failed before one that has: what is wrong with an object must not hold up the others. */
  #nextToFetch(): Waiting | undefined {
    const next = this.#toFetch.find(({ hasFailed }) => !hasFailed) ?? this.#toFetch[0];
    const bytes = this.#waitingBytes + (this.#fetching + 1) * this.#options.bytesMax;
    if (bytes <= HELD_BYTES_MAX) return next;
    // What others wait behind must come.
    const [first] = this.#waiting;
    return this.#fetching === 0 && first !== undefined && this.#toFetch.includes(first) ? first : undefined;
  }

  async #fetch(waiting: Waiting): Promise<void> {
    const { delivery, pointing } = waiting;
    const { objects, bytesMax, clock, deletesObjects } = this.#options;
    if (pointing === null) return;
    this.#fetching += 1;
    try {
      const fetched = await objects.fetch(pointing.object, bytesMax, this.#closed.signal);
      if (fetched.kind !== "missing") this.#given.atMs = clock.nowMs();
      const whole = deliveryWith(fetched, delivery, pointing, bytesMax);
      // One that is refused for its object is sealed without it.
      if (deletesObjects && whole.rejection === undefined) this.#deletable.set(delivery.id, pointing.object);
      this.#fetchesMax = FETCHES_MAX;
      this.#failures.reset();
      this.#finish(waiting, whole);
    } catch (error) {
      if (!this.#closed.signal.aborted) this.#fail(waiting, error);
    } finally {
      this.#fetching -= 1;
      this.#startFetches();
      this.#changed.notify();
    }
  }

  #finish(waiting: Waiting, whole: Delivery): void {
    this.#waitingBytes += whole.bytes - waiting.delivery.bytes;
    waiting.delivery = whole;
    waiting.pointing = null;
  }

  #fail(waiting: Waiting, error: unknown): void {
    if (!(error instanceof PiipeError)) {
      this.#failure ??= error;
      return;
    }
    const { clock } = this.#options;
    if (isOfObject(error) && clock.nowMs() - this.#given.atMs < GIVEN_TELLS_MS) {
      this.#finish(waiting, deliveryRefused(waiting.delivery, "body.object-refused"));
      return;
    }
    waiting.hasFailed = true;
    this.#toFetch.push(waiting);
    this.#fetchesMax = 1;
    if (!this.#failures.isInTime()) this.#failure ??= error;
    else if (!this.#isPausing) void this.#pause(error);
  }

  async #pause(error: PiipeError): Promise<void> {
    this.#isPausing = true;
    await this.#failures.backOff(error, this.#closed.signal);
    this.#isPausing = false;
    this.#startFetches();
  }

  /** The objects of the messages that were deleted. */
  #freed(settled: ReadonlyMap<Delivery, Settlement>, { deleted, failed, failedIds }: SettleReport): S3Object[] {
    const freed: S3Object[] = [];
    const isKnown = deleted > 0 && (failed === 0 || failedIds !== undefined);
    for (const [{ id }, { kind }] of settled) {
      const object = this.#deletable.get(id);
      if (object === undefined) continue;
      this.#deletable.delete(id);
      if (isKnown && kind === "delete" && failedIds?.includes(id) !== true) freed.push(object);
    }
    return freed;
  }

  /** After a failure the rest is left: a message is done without it. */
  async #deleteObjects(freed: S3Object[], abort: AbortSignal): Promise<void> {
    const { objects, emit } = this.#options;
    const count = freed.length;
    let deleted = 0;
    let code: ErrorCode | null = null;
    const work = async (): Promise<void> => {
      for (let object = freed.pop(); object !== undefined && code === null; object = freed.pop()) {
        try {
          await objects.delete(object, abort);
          deleted += 1;
        } catch (error) {
          if (abort.aborted) return;
          if (!(error instanceof PiipeError)) throw error;
          code = error.code;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(DELETES_MAX, count) }, work));
    if (code !== null) emit({ type: "objects.left", count: count - deleted, code });
  }

  async #release(unused: readonly Delivery[]): Promise<void> {
    const { source, clock } = this.#options;
    const ended = new AbortController();
    const late = new AbortController();
    setMaxListeners(0, late.signal);
    void clock.sleep(RELEASE_TIMEOUT_MS, ended.signal).then(() => late.abort());
    const released = unused.map((delivery) => [delivery, givenBack(delivery)] as const);
    try {
      await source.settle(new Map(released), late.signal);
    } finally {
      ended.abort();
    }
  }
}

/** The first time at once; what comes again and again must not use up its receives. */
const givenBack = ({ attempt }: Delivery): Settlement => ({
  kind: "release",
  delaySeconds: Math.min(RETRIED_DELAY_SECONDS_MAX, RETRIED_DELAY_SECONDS * (attempt - 1)),
});
