import type { Delivery, Settlement, SettleReport, Source } from "../../src/pipeline/contracts.ts";
import type { SqsSource } from "../../src/sources/sqs/sqs-source.ts";
import type { Life } from "./life.ts";
import type { Receipt } from "./life.ts";
import type { ModelDatabase } from "./model-database.ts";
import type { ModelSqs } from "./model-sqs.ts";
import type { World } from "./world.ts";

/** Stands between engine and source, and checks what each owes the other. */
export class WatchedSource implements Source {
  readonly name: string;
  readonly ordered: boolean;
  /** Messages that were given back. */
  releases = 0;
  readonly #source: SqsSource;
  readonly #life: Life;
  readonly #world: World;
  readonly #sqs: ModelSqs;
  readonly #database: ModelDatabase;
  readonly #unsettled = new Map<string, Delivery>();
  #unsettledBytes = 0;

  constructor(source: SqsSource, life: Life, world: World, sqs: ModelSqs, database: ModelDatabase) {
    this.name = source.name;
    this.ordered = source.ordered;
    this.#source = source;
    this.#life = life;
    this.#world = world;
    this.#sqs = sqs;
    this.#database = database;
  }

  get hasMore(): boolean {
    return this.#source.hasMore;
  }

  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    const { limits } = this.#world.scenario;
    if (this.#unsettled.size > 0 && this.#unsettledBytes >= limits.inFlightBytesMax)
      this.#break("more bytes in flight");
    const deliveries = await this.#source.receive(room, stop);
    if (deliveries.length > room) this.#break("more deliveries than there was room for");
    for (const delivery of deliveries) {
      if (this.#unsettled.has(delivery.id)) this.#break(`${delivery.id} delivered while it was unsettled`);
      if (!this.#life.receipts.has(delivery.id)) this.#break(`${delivery.id} delivered and never received`);
      this.#unsettled.set(delivery.id, delivery);
      this.#life.delivered.add(delivery.id);
      this.#unsettledBytes += delivery.bytes;
    }
    if (this.#unsettled.size > limits.inFlightMax) this.#break("more in flight than allowed");
    return deliveries;
  }

  async settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport> {
    for (const [delivery, settlement] of settled) {
      const { id, bytes } = delivery;
      if (this.#unsettled.get(id) !== delivery) this.#break(`${id} settled twice, or never delivered`);
      if (settlement.kind === "delete" && !this.#database.isCommitted(id))
        this.#break(`${id} to be deleted uncommitted`);
      if (settlement.kind === "release") this.releases += 1;
      this.#life.releasedMs.set(id, settlement.kind === "release" ? settlement.delaySeconds * 1_000 : 0);
      this.#sqs.checkHold(id);
      this.#life.held.delete(id);
      this.#life.settling.add(id);
      this.#unsettled.delete(id);
      this.#unsettledBytes -= bytes;
    }
    const receipts = [...settled.keys()].map(({ id }) => this.#life.receipts.get(id));
    try {
      return await this.#source.settle(settled, abort);
    } finally {
      for (const { id } of settled.keys()) this.#life.settling.delete(id);
      if (!abort.aborted) this.#checkSettled(receipts);
    }
  }

  depth(signal: AbortSignal): Promise<number> {
    return this.#source.depth(signal);
  }

  /** What the run has not settled is given back by nobody: only an abort may leave it. */
  close(): Promise<void> {
    if (this.#unsettled.size > 0 && !this.#life.abort.signal.aborted) this.#break("ended with deliveries unsettled");
    this.#life.isClosing = true;
    this.#life.held.clear();
    return this.#source.close();
  }

  /** What was received before it was settled is settled by its newest handle. */
  #checkSettled(receipts: ReadonlyArray<Receipt | undefined>): void {
    if (this.#life.mayLeaveHidden) return;
    for (const receipt of receipts) {
      if (receipt === undefined) continue;
      const allowedMs = this.#life.releasedMs.get(receipt.id) ?? 0;
      if (this.#sqs.hiddenMs(receipt) > allowedMs) this.#break(`${receipt.id} was settled in vain`);
    }
  }

  #break(promise: string): void {
    this.#world.chronicle.break(`${this.#life.name}: ${promise}`);
  }
}
