import { PiipeError } from "../../src/errors.ts";
import type {
  Batch,
  BatchOutcome,
  Delivery,
  Settlement,
  SettleReport,
  Sink,
  Source,
  WriteOutcome,
} from "../../src/pipeline/contracts.ts";
import { delivery } from "../support/model-source.ts";
import { cutShort } from "./cut-short.ts";
import type { MessageStates } from "./message-states.ts";

/** Something that the engine waits for until a test ends it. */
interface Step<How> {
  readonly end: (how: How) => void;
}

export type WriteEnd = "succeeds" | "fails" | "loses its reply" | "halts";
export type SettleEnd = "succeeds" | "fails";

/** A source whose settlements end when a test says so. */
export class SteppedSource implements Source {
  readonly name = "stepped";
  readonly ordered: boolean;
  /** As a test says. */
  hasMore = true;
  readonly settling: Step<SettleEnd>[] = [];
  readonly #states: MessageStates;
  #wake: () => void = () => {};

  constructor(states: MessageStates, ordered: boolean) {
    this.#states = states;
    this.ordered = ordered;
  }

  /** To be called when a message was queued. */
  wake(): void {
    this.#wake();
  }

  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#states.idsIn("queued").length === 0 && !stop.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        stop.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    if (stop.aborted) return [];
    return this.#states
      .idsIn("queued")
      .slice(0, room)
      .map((id) => {
        this.#states.apply("receive", id);
        return delivery(id, `${this.#states.kinds.get(id)} ${id}`);
      });
  }

  async settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport> {
    for (const [{ id }, { kind }] of settled) this.#states.apply(kind, id);
    const how = await ended(this.settling, abort);
    for (const { id } of settled.keys()) this.#states.apply(how === "succeeds" ? "settle" : "fail to settle", id);
    this.wake();
    const kinds = [...settled.values()].map(({ kind }) => kind);
    if (how === "fails") return { deleted: 0, released: 0, failed: settled.size };
    const deleted = kinds.filter((kind) => kind === "delete").length;
    return { deleted, released: settled.size - deleted, failed: 0 };
  }

  depth(): Promise<number> {
    return Promise.resolve(this.#states.idsIn("queued").length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A sink whose writes end when a test says so. */
export class SteppedSink implements Sink {
  readonly writing: Step<WriteEnd>[] = [];
  /** Ids in the order of their rows. */
  readonly rows: string[] = [];
  readonly quarantine: string[] = [];
  readonly #states: MessageStates;
  readonly #ordered: boolean;

  constructor(states: MessageStates, ordered: boolean) {
    this.#states = states;
    this.#ordered = ordered;
  }

  async write({ records, refused }: Batch, abort: AbortSignal): Promise<BatchOutcome> {
    const ids = [...records, ...refused].map(({ id }) => id);
    for (const id of ids) this.#states.apply("write", id);
    let how: WriteEnd;
    try {
      how = await ended(this.writing, abort);
    } catch (error) {
      for (const id of ids) this.#states.apply("fail", id);
      throw error;
    }
    const outcome = how === "succeeds" || how === "loses its reply" ? this.#commit({ records, refused }) : null;
    if (how === "succeeds" && outcome !== null) {
      const kinds = [...outcome.records, ...outcome.refused].map(({ kind }) => kind);
      const answered = [...records.slice(0, outcome.records.length), ...refused.slice(0, outcome.refused.length)];
      for (const id of ids) {
        const kind = kinds[answered.findIndex((each) => each.id === id)];
        this.#states.apply(kind === undefined ? "fail" : kind === "rejected" ? "reject" : "confirm", id);
      }
      return outcome;
    }
    for (const id of ids) this.#states.apply("fail", id);
    if (how === "halts") throw new PiipeError("database.table-missing", "the table is gone");
    throw new PiipeError("database.unreachable", "the connection was lost", { retryable: true });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** In order, a write ends with the first record that is rejected. */
  #commit({ records, refused }: Batch): BatchOutcome {
    const outcomes: WriteOutcome[] = [];
    for (const { id } of records) {
      const isUnfit = this.#states.kinds.get(id) === "unfit" && !this.#isCommitted(id);
      outcomes.push(
        isUnfit ? { kind: "rejected", rejection: { code: "database.value", path: null } } : this.#store(id),
      );
      if (isUnfit && this.#ordered) break;
    }
    const isRejected = outcomes.length > 0 && outcomes.every(({ kind }) => kind === "rejected");
    return { records: outcomes, refused: isRejected ? [] : refused.map(({ id }) => this.#quarantine(id)) };
  }

  #isCommitted(id: string): boolean {
    return this.rows.includes(id) || this.quarantine.includes(id);
  }

  #store(id: string): WriteOutcome {
    if (this.#isCommitted(id)) return { kind: "duplicate" };
    this.rows.push(id);
    return { kind: "stored" };
  }

  #quarantine(id: string): WriteOutcome {
    if (this.#isCommitted(id)) return { kind: "duplicate" };
    this.quarantine.push(id);
    return { kind: "quarantined" };
  }
}

async function ended<How>(steps: Step<How>[], abort: AbortSignal): Promise<How> {
  const waiting = new Promise<How>((resolve) => {
    const step: Step<How> = {
      end(how) {
        steps.splice(steps.indexOf(step), 1);
        resolve(how);
      },
    };
    steps.push(step);
  });
  return cutShort(waiting, abort, () => {
    steps.splice(0);
    return new PiipeError("interrupted", "stopped");
  });
}
