import type { Batch, BatchOutcome, Sink, WriteOutcome } from "../../src/pipeline/contracts.ts";

/** A table and a ledger in memory behind the `Sink` contract. */
export class ModelSink implements Sink {
  readonly rows = new Map<string, readonly unknown[]>();
  readonly quarantine = new Map<string, string>();
  readonly batchSizes: number[] = [];
  readonly order: string[] = [];
  writing = 0;
  /** Most concurrent writes at any time. */
  writingMost = 0;
  /** Ids that the table refuses. */
  readonly unfit = new Set<string>();
  /** Called before anything is written: throw to fail, await to be slow. */
  beforeWrite: (batch: Batch, abort: AbortSignal) => void | Promise<void> = () => {};
  /** Called after the commit: throw here to lose the reply. */
  afterCommit: () => void = () => {};

  async write(batch: Batch, abort: AbortSignal, _options?: { readonly earlierTell: boolean }): Promise<BatchOutcome> {
    this.writing += 1;
    this.writingMost = Math.max(this.writingMost, this.writing);
    try {
      await this.beforeWrite(batch, abort);
      const records = batch.records.map(({ id, rows }): WriteOutcome => {
        if (this.rows.has(id) || this.quarantine.has(id)) return { kind: "duplicate" };
        if (this.unfit.has(id)) return { kind: "rejected", rejection: { code: "database.constraint", path: null } };
        this.rows.set(id, rows[0]?.values ?? []);
        this.order.push(id);
        return { kind: "stored" };
      });
      const refused = batch.refused.map(({ id, rejection }): WriteOutcome => {
        if (this.rows.has(id) || this.quarantine.has(id)) return { kind: "duplicate" };
        this.quarantine.set(id, rejection.code);
        return { kind: "quarantined" };
      });
      this.batchSizes.push(records.length + refused.length);
      this.afterCommit();
      return { records, refused };
    } finally {
      this.writing -= 1;
    }
  }
}
