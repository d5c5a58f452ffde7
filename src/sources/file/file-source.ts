import { isUtf8 } from "node:buffer";
import type { Clock, Delivery, Settlement, SettleReport, Source } from "../../pipeline/contracts.ts";
import { type EventSlice, EventSplitter, type SplitOptions } from "./split-events.ts";

export interface FileSourceOptions extends SplitOptions {
  readonly name: string;
  /** Its bytes, unpacked. */
  readonly input: AsyncIterable<Buffer, void>;
  /** The id of the event with the number: the same whenever the file is loaded. */
  readonly idOf: (number: number) => string;
  /** Of all events. */
  readonly sentAtMs: number;
  /** Called now and then: all events up to this one are done. Throws nothing. */
  readonly note: (number: number, abort: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

/** As many are decoded again, in vain, after a kill; each time that it is noted costs a transaction. */
const NOTED_EVENTS = 20_000;

const NO_ATTRIBUTES: Delivery["attributes"] = new Map();

/**
 * A file of events as a source. Nothing of it is deleted: `delete` says that an event is done. What is released does not come
 * again before the file is loaded again.
 */
export class FileSource implements Source {
  readonly name: string;
  readonly ordered = false;
  readonly #options: FileSourceOptions;
  readonly #splitter: EventSplitter;
  readonly #chunks: AsyncIterator<Buffer, void>;
  /** A chunk that is awaited. */
  #next: Promise<IteratorResult<Buffer, void>> | null = null;
  #slices: Iterator<EventSlice> | null = null;
  #isRead = false;
  #received: number;
  /** In the order of the file. */
  readonly #unsettled = new Set<number>();
  #firstReleased = Number.POSITIVE_INFINITY;
  #noted: number;

  constructor(options: FileSourceOptions) {
    this.name = options.name;
    this.#options = options;
    this.#splitter = new EventSplitter(options);
    this.#chunks = options.input[Symbol.asyncIterator]();
    this.#received = options.passOver ?? 0;
    this.#noted = this.#received;
  }

  get hasMore(): boolean {
    return !this.#isRead;
  }

  /** All events up to this one are done. */
  get done(): number {
    const [first = this.#received + 1] = this.#unsettled;
    return Math.min(first, this.#firstReleased) - 1;
  }

  /** Whether all of it was read and is done. */
  get isDone(): boolean {
    return this.#isRead && this.done === this.#received;
  }

  /** As `EventSplitter` has it; null until all was read. */
  get problem(): string | null {
    return this.#isRead ? this.#splitter.problem : null;
  }

  /** At most what one chunk of the file holds. */
  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    const deliveries: Delivery[] = [];
    while (!stop.aborted && deliveries.length < room) {
      const slice = this.#slices?.next();
      if (slice?.done === false) {
        deliveries.push(this.#deliver(slice.value));
        continue;
      }
      if (this.#isRead || deliveries.length > 0) break;
      const next = await this.#nextChunk(stop);
      if (next === null) break;
      this.#isRead = next.done === true;
      this.#slices = next.done === true ? this.#splitter.end() : this.#splitter.push(next.value);
    }
    return deliveries;
  }

  async settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport> {
    let deleted = 0;
    for (const [{ id }, { kind }] of settled) {
      const number = numberIn(id);
      this.#unsettled.delete(number);
      if (kind === "delete") deleted += 1;
      else this.#firstReleased = Math.min(this.#firstReleased, number);
    }
    const { done } = this;
    if (done - this.#noted >= NOTED_EVENTS) {
      this.#noted = done;
      await this.#options.note(done, abort);
    }
    return { deleted, released: settled.size - deleted, failed: 0 };
  }

  /** What was released is not in it: it waits for another run. */
  async depth(): Promise<number> {
    return this.#unsettled.size + (this.#isRead ? 0 : 1);
  }

  async close(): Promise<void> {
    const closed = this.#chunks.return?.();
    // What waits for a pipe that says nothing more would wait with it.
    if (this.#next === null) await closed;
  }

  /** null: `stop` fired first. The chunk is then for the next call. */
  async #nextChunk(stop: AbortSignal): Promise<IteratorResult<Buffer, void> | null> {
    this.#next ??= this.#chunks.next();
    let onStop = (): void => {};
    const stopped = new Promise<null>((resolve) => {
      onStop = () => resolve(null);
    });
    stop.addEventListener("abort", onStop);
    try {
      const result = await Promise.race([this.#next, stopped]);
      if (result !== null) this.#next = null;
      return result;
    } finally {
      stop.removeEventListener("abort", onStop);
    }
  }

  #deliver({ number, bytes }: EventSlice): Delivery {
    this.#received = number;
    this.#unsettled.add(number);
    const body = bodyOf(bytes);
    return {
      id: this.#options.idOf(number),
      attempt: 1,
      sentAtMs: this.#options.sentAtMs,
      receivedAtMs: this.#options.clock.nowMs(),
      groupId: null,
      body,
      bytes: Math.max(bytes.length, body.length),
      attributes: NO_ATTRIBUTES,
    };
  }
}

/** The number that an id ends with, as `idOf` has it. */
const numberIn = (id: string): number => Number(id.slice(id.lastIndexOf(":") + 1));

/**
 * What is no UTF-8 becomes a text that is no JSON, now and at a replay, from which the bytes can be had: decoded with
 * replacement characters it would be stored as another event. Too long a line, which is cut, is refused for its length first.
 */
const bodyOf = (bytes: Buffer): string =>
  isUtf8(bytes) ? bytes.toString("utf8") : `not UTF-8, in base64: ${bytes.toString("base64")}`;
