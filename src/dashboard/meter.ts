import type { LiveWorker } from "../storage/workers.ts";
import type { Sample } from "./api.ts";

type Figures = LiveWorker["figures"];

/** Makes one sample after the other out of the workers' sums. */
export class Meter {
  #before: ReadonlyMap<string, Figures> = new Map();

  /** @param visible messages that wait in the queue; null: not known */
  measure(workers: readonly LiveWorker[], visible: number | null, atMs: number): Sample {
    const before = this.#before;
    const all = workers.map(({ figures }) => figures);
    /** How much a sum has grown: that of a new worker began at zero. */
    const grown = (sumOf: (figures: Figures) => number): number =>
      sum(workers, ({ identity, figures }) => {
        const last = before.get(identity.id);
        return sumOf(figures) - (last === undefined ? 0 : sumOf(last));
      });
    const mean = (sumOf: (figures: Figures) => number, countOf: (figures: Figures) => number): number | null => {
      const count = grown(countOf);
      return count > 0 ? rounded(grown(sumOf) / count) : null;
    };
    const processMicrosPerMessage = mean(
      ({ process }) => process.sumMs * 1_000,
      ({ process }) => process.count,
    );
    const sample: Sample = {
      atMs,
      receivedPerSecond: rounded(sum(all, ({ receivedPerSecond }) => receivedPerSecond)),
      storedPerSecond: rounded(sum(all, ({ storedPerSecond }) => storedPerSecond)),
      lagMs: Math.round(Math.max(0, ...all.map(({ lagMs }) => lagMs))),
      inFlight: sum(all, ({ inFlight }) => inFlight),
      visible,
      eventsPerBatch: mean(
        ({ batchedEvents }) => batchedEvents,
        ({ batches }) => batches,
      ),
      processMicrosPerMessage,
      writeMs: mean(
        ({ write }) => write.sumMs,
        ({ write }) => write.count,
      ),
      settleMs: mean(
        ({ settle }) => settle.sumMs,
        ({ settle }) => settle.count,
      ),
    };
    this.#before = new Map(workers.map(({ identity, figures }) => [identity.id, figures]));
    return sample;
  }
}

function sum<T>(items: readonly T[], valueOf: (item: T) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0);
}

/** Two places are more than a chart shows. */
const rounded = (value: number): number => Math.round(value * 100) / 100;
