import type { Snapshot, Trouble, WorkerStatus } from "../../src/app/snapshot.ts";
import type { Hello, Sample } from "../../src/dashboard/api.ts";
import type { QuarantineEntry } from "../../src/storage/quarantine/quarantine.ts";
import type { WorkerFigures } from "../../src/telemetry/worker-figures.ts";

/*
 * Made-up states of a pipeline. What is hard to bring about for real is here: a million messages, services that are
 * away, a worker that went silent.
 */

export const NOW_MS = Date.UTC(2026, 10, 22, 13, 30);

const FIGURES: WorkerFigures = {
  received: 0,
  redelivered: 0,
  stored: 0,
  skipped: 0,
  corrupt: 0,
  visibilityFailures: 0,
  concerns: [],
  duplicate: 0,
  quarantined: 0,
  left: 0,
  deleted: 0,
  unsettled: 0,
  refused: {},
  suspected: 0,
  queueRetries: 0,
  databaseRetries: 0,
  batches: 0,
  batchedEvents: 0,
  process: { count: 0, sumMs: 0 },
  write: { count: 0, sumMs: 0 },
  settle: { count: 0, sumMs: 0 },
  inFlight: 0,
  lagMs: 0,
  receivedPerSecond: 0,
  storedPerSecond: 0,
  queueTrouble: null,
  databaseTrouble: null,
  isDraining: false,
};

export function workerOf(number: number, figures: Partial<WorkerFigures> = {}): WorkerStatus {
  return {
    id: `00000000-0000-4000-8000-00000000000${number}`,
    pipeline: "logins",
    source: "arn:aws:sqs:us-west-1:000000000000:login-queue",
    target: "public.user_logins",
    host: "worker-host-1",
    pid: 4_000 + number,
    number,
    version: "0.1.0",
    state: "running",
    startedAt: new Date(NOW_MS - 7_200_000).toISOString(),
    seenAt: new Date(NOW_MS).toISOString(),
    silentMs: 0,
    figures: { ...FIGURES, ...figures },
  };
}

export const EMPTY: Snapshot = {
  at: new Date(NOW_MS).toISOString(),
  pipeline: "logins",
  queue: "https://sqs.us-west-1.amazonaws.com/000000000000/login-queue",
  table: "public.user_logins",
  depth: { ok: true, value: { visible: 0, hidden: 0, delayed: 0 } },
  deadLetters: { ok: true, value: null },
  workers: { ok: true, value: [workerOf(1)] },
  quarantine: { ok: true, value: { pending: 0, reasons: [] } },
};

const BUSY_FIGURES: Partial<WorkerFigures> = {
  received: 612_034,
  redelivered: 1_208,
  stored: 610_511,
  duplicate: 1_201,
  quarantined: 322,
  deleted: 612_034,
  refused: { "field.type": 210, "body.not-json": 88, "leak.detected": 24 },
  suspected: 3,
  queueRetries: 4,
  databaseRetries: 1,
  inFlight: 1_480,
  lagMs: 182_000,
  receivedPerSecond: 2_494.2,
  storedPerSecond: 2_489.7,
};

const REASONS = [
  { code: "field.type", count: 420, firstSeen: secondsAgo(86_000), lastSeen: secondsAgo(12) },
  { code: "body.not-json", count: 176, firstSeen: secondsAgo(80_000), lastSeen: secondsAgo(340) },
  { code: "leak.detected", count: 48, firstSeen: secondsAgo(5_000), lastSeen: secondsAgo(1_900) },
];

/** Two workers behind a queue of more than a million messages, and one that was killed. */
export const MILLION: Snapshot = {
  ...EMPTY,
  depth: { ok: true, value: { visible: 1_234_567, hidden: 2_960, delayed: 12 } },
  deadLetters: { ok: true, value: { queue: "login-queue-dead-letters", waiting: 1_027 } },
  workers: {
    ok: true,
    value: [
      workerOf(1, BUSY_FIGURES),
      workerOf(2, BUSY_FIGURES),
      { ...workerOf(3, BUSY_FIGURES), state: "silent", silentMs: 192_000 },
      { ...workerOf(4, BUSY_FIGURES), state: "stopped", silentMs: 3_600_000 },
    ],
  },
  quarantine: { ok: true, value: { pending: 644, reasons: REASONS } },
};

export const AWAY: Trouble = {
  code: "database.unreachable",
  message: "PostgreSQL at localhost:5432 cannot be reached (ECONNREFUSED)",
  hint: "Start it, or correct sink.postgres.url.",
};

const QUEUE_AWAY: Trouble = {
  code: "queue.unreachable",
  message: "the queue's endpoint cannot be reached",
  hint: null,
};

/** The database is away: of the workers only those of this process are known. */
export const DATABASE_DOWN: Snapshot = {
  ...EMPTY,
  depth: { ok: true, value: { visible: 5_210, hidden: 2_500, delayed: 0 } },
  workers: {
    ok: true,
    value: [
      {
        ...workerOf(1, { ...BUSY_FIGURES, storedPerSecond: 0, databaseTrouble: "database.unreachable" }),
        startedAt: null,
      },
    ],
  },
  quarantine: { ok: false, error: AWAY },
};

/** As a process sees it that runs no worker of its own. */
export const ALL_DOWN: Snapshot = {
  ...EMPTY,
  depth: { ok: false, error: QUEUE_AWAY },
  deadLetters: { ok: false, error: QUEUE_AWAY },
  workers: { ok: false, error: AWAY },
  quarantine: { ok: false, error: AWAY },
};

export function helloOf(actions: Hello["actions"], history: readonly Sample[] = []): Hello {
  return { version: "0.1.0", duplicateColumns: ["masked_ip", "masked_device_id"], actions, history };
}

export const QUIET_SAMPLE: Sample = {
  atMs: NOW_MS,
  receivedPerSecond: 0,
  storedPerSecond: 0,
  lagMs: 0,
  inFlight: 0,
  visible: 0,
  eventsPerBatch: null,
  processMicrosPerMessage: null,
  writeMs: null,
  settleMs: null,
};

/** A quarter of an hour at about 5,000 events a second, with waves. */
export function busyHistory(atMs: number): readonly Sample[] {
  return Array.from({ length: 900 }, (_, index): Sample => {
    const wave = Math.sin(index / 40) + 0.25 * Math.sin(index / 3);
    return {
      atMs: atMs - (899 - index) * 1_000,
      receivedPerSecond: 4_980 + 300 * wave,
      storedPerSecond: 4_960 + 260 * wave,
      lagMs: 180_000 + 2_000 * wave,
      inFlight: Math.round(2_900 + 300 * wave),
      visible: 1_234_567 + (899 - index) * 100,
      eventsPerBatch: 480 + 20 * wave,
      processMicrosPerMessage: 22 + 2 * wave,
      writeMs: 21 + 4 * wave,
      settleMs: 38 + 9 * wave,
    };
  });
}

export function entryOf(number: number, entry: Partial<QuarantineEntry> = {}): QuarantineEntry {
  const reason = REASONS[number % REASONS.length];
  return {
    id: `9f2c1a80-0000-4000-8000-${String(number).padStart(12, "0")}`,
    queue: "arn:aws:sqs:us-west-1:000000000000:login-queue",
    code: reason?.code ?? "",
    path: reason?.code === "field.type" ? "app_version" : null,
    detail: reason?.code === "field.type" ? "expected a version, found a whole number" : null,
    sentAt: secondsAgo(400 + number),
    firstSeen: secondsAgo(390 + number),
    lastSeen: secondsAgo(380 + number),
    attempts: 1 + (number % 3),
    state: "pending",
    settledAt: null,
    ...entry,
  };
}

function secondsAgo(seconds: number): string {
  return new Date(NOW_MS - seconds * 1_000).toISOString().replace("Z", "000Z");
}
