import { PiipeError } from "../errors.ts";
import type { Batch, Clock } from "./contracts.ts";

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

/** Recent events that the share is taken over. */
const WINDOW_EVENTS = 1_000;
/** Fewer events than this say nothing about the queue: three bad messages of five are three bad messages. */
export const JUDGED_FROM_EVENTS = 100;
/** At the end nothing more will tell. */
const JUDGED_AT_END_FROM_EVENTS = 10;

/**
 * Watches the share of refused events. A schema change at the producer or a wrong column in the configuration
 * refuses nearly everything: then the pipeline must halt, not carry the whole queue into the quarantine.
 */
export class RefusalGuard {
  readonly #haltAboveShare: number;
  readonly #refusedFlags = new Uint8Array(WINDOW_EVENTS);
  #seen = 0;
  #refusedInWindow = 0;

  /** @param haltAboveShare share of refused events in (0, 1]; 1 never halts */
  constructor(haltAboveShare: number) {
    this.#haltAboveShare = haltAboveShare;
  }

  /** Counts one event. Returns true when too many of the recent events were refused. */
  count(isRefused: boolean): boolean {
    this.#note(isRefused);
    return this.#isBeyondLimit();
  }

  /**
   * Counts events that were judged together. Returns as `count` does. The refused ones are spread among the others: where
   * in a batch they were says nothing, and a batch may be larger than the window.
   */
  countBatch(refused: number, events: number): boolean {
    for (let index = 0; index < events; index += 1) {
      this.#note(Math.floor(((index + 1) * refused) / events) > Math.floor((index * refused) / events));
    }
    return this.#isBeyondLimit();
  }

  /** Too many were refused so far, and too few were seen to halt for it. */
  get isInDoubt(): boolean {
    return this.#seen < JUDGED_FROM_EVENTS && this.#isTooMany();
  }

  /** As `count` says, when nothing follows any more. */
  get isBeyondLimitAtEnd(): boolean {
    return this.#seen >= JUDGED_AT_END_FROM_EVENTS && this.#isTooMany();
  }

  /** Refused events among the recent ones, for the message of the halt. */
  get recent(): { readonly refused: number; readonly events: number } {
    return { refused: this.#refusedInWindow, events: Math.min(this.#seen, WINDOW_EVENTS) };
  }

  #note(isRefused: boolean): void {
    const slot = this.#seen % WINDOW_EVENTS;
    this.#refusedInWindow += Number(isRefused) - (this.#refusedFlags[slot] ?? 0);
    this.#refusedFlags[slot] = Number(isRefused);
    this.#seen += 1;
  }

  #isBeyondLimit(): boolean {
    return this.#seen >= JUDGED_FROM_EVENTS && this.#isTooMany();
  }

  #isTooMany(): boolean {
    const { refused, events } = this.recent;
    return refused > events * this.#haltAboveShare;
  }
}

/** Why the run halts when too many events do not fit the columns. */
function eventsBeyondLimit(guard: RefusalGuard): PiipeError {
  const { refused, events } = guard.recent;
  return new PiipeError("data.beyond-limit", `halted: ${refused} of the last ${events} events were refused`, {
    hint:
      "A whole queue that does not fit its columns is rarely bad data: compare the configured columns with real " +
      `events (\`piipe mask < events.ndjson\` names code and path of each refusal). ${REMAINDER}`,
  });
}

/** Why the run halts when the table refuses too many rows. */
function rowsBeyondLimit(guard: RefusalGuard): PiipeError {
  const { refused, events } = guard.recent;
  return new PiipeError("data.beyond-limit", `halted: PostgreSQL refused ${refused} of the last ${events} rows`, {
    hint:
      "A table that takes hardly any row is rarely bad data: compare its constraints and triggers with real events " +
      `(the log names code, columns and constraint of refused rows). ${REMAINDER}`,
  });
}

/** Why the run halts when the table takes none of the rows that come, and would take an earlier one. */
function rowsUnlikeEarlier(refused: number): PiipeError {
  return new PiipeError(
    "data.beyond-limit",
    `halted: PostgreSQL refused each of ${refused} rows, and would take one that was stored before`,
    {
      hint:
        "Compare the table's triggers, policies and partitions with the events that come now (the log names code, " +
        `columns and constraint of refused rows). ${REMAINDER}`,
    },
  );
}

const REMAINDER =
  "What was not written stays in the queue. `quarantine.haltAboveShare` sets the limit, and with 1 there is none.";

/** Why the run of a FIFO queue halts when the quarantine takes no more. */
export function quarantineFull(): PiipeError {
  return new PiipeError(
    "data.beyond-limit",
    "halted: the quarantine is full, and a FIFO queue's order forbids to go on",
    {
      hint:
        "`piipe quarantine list` shows what waits. Mend the cause, then `piipe quarantine replay`, or `piipe quarantine " +
        "discard`; start again after that. What was not written stays in the queue.",
    },
  );
}
