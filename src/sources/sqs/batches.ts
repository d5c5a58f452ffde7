import { BATCH_ENTRIES_MAX } from "./client/sqs-actions.ts";

/** Batch requests under way at once. */
const BATCHES_IN_FLIGHT_MAX = 16;

/** Hands the items over in tens, sixteen at a time. Rejects when `send` does, after the others have ended. */
export async function inBatches<T>(items: readonly T[], send: (batch: readonly T[]) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const batch = items.slice(next, next + BATCH_ENTRIES_MAX);
      next += batch.length;
      await send(batch);
    }
  };
  const workers: Promise<void>[] = [];
  const count = Math.min(BATCHES_IN_FLIGHT_MAX, Math.ceil(items.length / BATCH_ENTRIES_MAX));
  for (let i = 0; i < count; i += 1) workers.push(worker());
  const failed = (await Promise.allSettled(workers)).find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
