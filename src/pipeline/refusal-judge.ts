import type { PiipeError } from "../errors.ts";
import { eventsBeyondLimit, rowsBeyondLimit, rowsUnlikeEarlier } from "./beyond-limit.ts";
import type { Batch, Clock } from "./contracts.ts";
import { RefusalGuard } from "./refusal-guard.ts";

/** How long the first refused events of a run, when they are too many, wait for more events to be judged by. */
const FIRST_JUDGEMENT_MS = 5_000;

/** Rows that are judged by what was stored before them, until a row is stored again: a table may change. */
const BY_EARLIER_MAX = 10;

/** Tells a queue that does not fit its columns or its table from a queue with bad messages in it. */
export class RefusalJudge {
  readonly #clock: Clock;
  readonly #haltAboveShare: number;
  /** So many more rows may be refused because others were stored before them. */
  #byEarlierLeft = BY_EARLIER_MAX;
  /** Over all events: whether they fit the columns. */
  readonly #events: RefusalGuard;
  /** Over the rows that the sink has judged: events are counted long before. */
  readonly #rows: RefusalGuard;
  #firstJudgement: "ahead" | "under way" | "over" = "ahead";

  /** @param haltAboveShare share of refused events in (0, 1]; 1 never halts */
  constructor(haltAboveShare: number, clock: Clock) {
    this.#clock = clock;
    this.#haltAboveShare = haltAboveShare;
    this.#events = new RefusalGuard(haltAboveShare);
    this.#rows = new RefusalGuard(haltAboveShare);
  }

  /** Counts an event that was decoded and masked, or refused. @returns why to halt; null: nothing speaks for it */
  countEvent(isRefused: boolean): PiipeError | null {
    return this.#events.count(isRefused) ? eventsBeyondLimit(this.#events) : null;
  }

  /** Counts rows that the sink was given in one batch. @returns as `countEvent` */
  countRows(refused: number, stored: number): PiipeError | null {
    if (stored > 0) this.#byEarlierLeft = BY_EARLIER_MAX;
    return this.#rows.countBatch(refused, refused + stored) ? rowsBeyondLimit(this.#rows) : null;
  }

  /** Whether so many rows may be refused because others were stored before them, without a halt. */
  admitsByEarlier(rows: number): boolean {
    return rows <= this.#byEarlierLeft;
  }

  /** Counts rows that were refused because others were stored before them. @returns as `countEvent` */
  countByEarlier(refused: number): PiipeError | null {
    const isTooMany = !this.admitsByEarlier(refused);
    this.#byEarlierLeft = Math.max(0, this.#byEarlierLeft - refused);
    return isTooMany && this.#haltAboveShare < 1 ? rowsUnlikeEarlier(refused) : null;
  }

  /** Call at the end of a queue. @returns as `countEvent` */
  judgeEnd(): PiipeError | null {
    if (this.#events.isBeyondLimitAtEnd) return eventsBeyondLimit(this.#events);
    return this.#rows.isBeyondLimitAtEnd ? rowsBeyondLimit(this.#rows) : null;
  }

  /** Too many were refused so far, and too few were seen to tell. */
  get needsMore(): boolean {
    return this.#firstJudgement !== "over" && (this.#events.isInDoubt || this.#rows.isInDoubt);
  }

  /**
   * Whether the refused events of a batch may be those of a queue that does not fit at all. They wait until enough was
   * seen to tell: a worker that halts, is restarted and halts again must not carry a little more of it into the
   * quarantine each time. With records in the batch the sink tells: when it takes none, it does not take the refused
   * events either.
   */
  isInDoubt({ records, refused }: Batch): boolean {
    if (refused.length === 0 || this.#firstJudgement === "over") return false;
    return this.#events.isInDoubt || (records.length === 0 && this.#rows.isInDoubt);
  }

  /**
   * Call when a doubt is all that a batch waits for. A quiet queue never tells: after a while there are no doubts any
   * more, unless a write under way may tell more. `onOver` is called then, once.
   * @param ended the run is over: nothing is called any more
   */
  async waitOnce(isWriting: () => boolean, ended: AbortSignal, onOver: () => void): Promise<void> {
    if (this.#firstJudgement !== "ahead") return;
    this.#firstJudgement = "under way";
    do await this.#clock.sleep(FIRST_JUDGEMENT_MS, ended);
    while (isWriting() && !ended.aborted);
    this.#firstJudgement = ended.aborted ? "ahead" : "over";
    if (!ended.aborted) onOver();
  }
}
