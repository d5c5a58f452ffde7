import type { Delivery, Settlement, SettleReport, Source } from "../../src/pipeline/contracts.ts";

export function delivery(id: string, body: string, extra: Partial<Delivery> = {}): Delivery {
  return {
    id,
    attempt: 1,
    sentAtMs: 1_700_000_000_000,
    receivedAtMs: 1_700_000_001_000,
    groupId: null,
    body,
    bytes: Buffer.byteLength(body),
    attributes: new Map(),
    ...extra,
  };
}

/** A queue in memory behind the `Source` contract, for what no real server can produce on demand. */
export class ModelSource implements Source {
  readonly name = "arn:aws:sqs:us-east-1:000000000000:model";
  readonly ordered: boolean;
  readonly waiting: Delivery[] = [];
  readonly held = new Map<string, Delivery>();
  readonly deleted: string[] = [];
  readonly released: Array<{ readonly id: string; readonly delaySeconds: number }> = [];
  /** Called with each id before its delete counts. */
  onDelete: (id: string) => void = () => {};
  /** Most deliveries handed out and not settled at any time. */
  heldMost = 0;
  /** Called before each reply; throw here to make a receive fail. */
  beforeReceive: () => void | Promise<void> = () => {};
  /** More is said to wait than does. */
  promisesMore = false;
  #wake: (() => void) | null = null;

  constructor(options: { readonly ordered?: boolean } = {}) {
    this.ordered = options.ordered ?? false;
  }

  get hasMore(): boolean {
    return this.promisesMore || this.waiting.length > 0;
  }

  send(...deliveries: readonly Delivery[]): void {
    this.waiting.push(...deliveries);
    this.#wake?.();
  }

  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    await this.beforeReceive();
    if (this.waiting.length === 0 && !stop.aborted) {
      let wake = (): void => {};
      await new Promise<void>((resolve) => {
        this.#wake = wake = resolve;
        stop.addEventListener("abort", wake);
        setImmediate(wake);
      });
      stop.removeEventListener("abort", wake);
    }
    const batch = this.waiting.splice(0, Math.min(room, 10));
    for (const each of batch) this.held.set(each.id, each);
    this.heldMost = Math.max(this.heldMost, this.held.size);
    return batch;
  }

  settle(settled: ReadonlyMap<Delivery, Settlement>): Promise<SettleReport> {
    let deleted = 0;
    let released = 0;
    for (const [each, settlement] of settled) {
      if (!this.held.delete(each.id)) throw new Error(`settled twice or never handed out: ${each.id}`);
      if (settlement.kind === "delete") {
        this.onDelete(each.id);
        this.deleted.push(each.id);
        deleted += 1;
      } else {
        this.released.push({ id: each.id, delaySeconds: settlement.delaySeconds });
        released += 1;
      }
    }
    return Promise.resolve({ deleted, released, failed: 0 });
  }

  /** Released messages count as gone to a dead-letter queue unless a test sends them again. */
  depth(): Promise<number> {
    return Promise.resolve(this.waiting.length + this.held.size);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
