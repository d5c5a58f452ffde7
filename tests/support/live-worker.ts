import { randomUUID } from "node:crypto";
import type { LiveWorker, WorkerIdentity } from "../../src/storage/workers.ts";
import { WorkerCounters } from "../../src/telemetry/worker-counters.ts";
import type { WorkerFigures } from "../../src/telemetry/worker-figures.ts";

/** A worker that has done nothing yet, but for what is given. */
export function liveWorker(identity: Partial<WorkerIdentity> = {}, figures: Partial<WorkerFigures> = {}): LiveWorker {
  return {
    identity: {
      id: randomUUID(),
      pipeline: "logins",
      source: "arn:aws:sqs:us-west-1:000000000000:login-queue",
      target: "public.user_logins",
      host: "a-host",
      pid: 42,
      number: null,
      version: "1.2.3",
      ...identity,
    },
    figures: { ...new WorkerCounters().figures(0, 0), ...figures },
    keys: {},
  };
}
