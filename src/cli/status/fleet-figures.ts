import type { WorkerStatus } from "../../app/snapshot.ts";
import { addRareCounts, type RareCounts } from "../../pipeline/rare-counts.ts";
import type { DurationFigures, WorkerFigures } from "../../telemetry/worker-figures.ts";

type Additive = {
  readonly [Name in keyof WorkerFigures as WorkerFigures[Name] extends number ? Name : never]: number;
};

/** What several workers did and do, together. */
export interface FleetFigures extends Omit<Additive, "lagMs">, Readonly<RareCounts> {
  /** Of the worker that is furthest behind. */
  readonly lagMs: number;
  readonly process: DurationFigures;
  readonly write: DurationFigures;
  readonly settle: DurationFigures;
}

export function fleetFigures(workers: readonly Pick<WorkerStatus, "figures">[]): FleetFigures {
  const all = workers.map(({ figures }) => figures);
  const sum = (of: (figures: WorkerFigures) => number): number =>
    all.reduce((total, figures) => total + of(figures), 0);
  const duration = (of: (figures: WorkerFigures) => DurationFigures): DurationFigures => ({
    count: sum((figures) => of(figures).count),
    sumMs: sum((figures) => of(figures).sumMs),
  });
  const rare: RareCounts = {};
  for (const figures of all) addRareCounts(rare, figures);
  return {
    ...rare,
    received: sum(({ received }) => received),
    redelivered: sum(({ redelivered }) => redelivered),
    stored: sum(({ stored }) => stored),
    // A worker of an earlier version does not count these.
    skipped: sum(({ skipped }) => skipped ?? 0),
    corrupt: sum(({ corrupt }) => corrupt ?? 0),
    visibilityFailures: sum((figures) => figures.visibilityFailures ?? 0),
    duplicate: sum(({ duplicate }) => duplicate),
    quarantined: sum(({ quarantined }) => quarantined),
    left: sum(({ left }) => left),
    deleted: sum(({ deleted }) => deleted),
    unsettled: sum(({ unsettled }) => unsettled),
    suspected: sum(({ suspected }) => suspected),
    queueRetries: sum(({ queueRetries }) => queueRetries),
    databaseRetries: sum(({ databaseRetries }) => databaseRetries),
    batches: sum(({ batches }) => batches),
    batchedEvents: sum(({ batchedEvents }) => batchedEvents),
    inFlight: sum(({ inFlight }) => inFlight),
    receivedPerSecond: sum(({ receivedPerSecond }) => receivedPerSecond),
    storedPerSecond: sum(({ storedPerSecond }) => storedPerSecond),
    lagMs: Math.max(0, ...all.map(({ lagMs }) => lagMs)),
    process: duration((figures) => figures.process),
    write: duration((figures) => figures.write),
    settle: duration((figures) => figures.settle),
  };
}

/** null: it never happened. */
export const meanMs = ({ count, sumMs }: DurationFigures): number | null => (count === 0 ? null : sumMs / count);
