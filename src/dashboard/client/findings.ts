import type { Snapshot, Trouble, WorkerStatus } from "../../app/snapshot.ts";
import { type Concern, CONCERN_NAMES, CONCERNS } from "../../telemetry/concerns.ts";
import { missedWorkers } from "../../telemetry/missed-workers.ts";
import { plural } from "./format.ts";

/**
 * - `bad`: nothing is stored, or nobody can tell
 * - `warn`: something needs a look
 */
export type Level = "good" | "warn" | "bad";

export interface SnapshotFinding {
  readonly level: Level;
  /** One sentence without figures that change each second: screen readers say it whenever it changes. */
  readonly text: string;
  readonly detail: string | null;
  /** What to do. */
  readonly hint: string | null;
}

/** What is well and what is wrong, the worst first; never empty. */
export function findingsOf(snapshot: Snapshot): readonly [SnapshotFinding, ...SnapshotFinding[]] {
  const workers = snapshot.workers.ok ? snapshot.workers.value : null;
  const wrong = [
    databaseFinding(snapshot),
    queueFinding(snapshot),
    ...(workers === null ? [] : workerFindings(workers)),
    differingFinding(workers ?? []),
    malformedFinding(snapshot),
    deadLetterFinding(snapshot),
  ].filter((finding) => finding !== null);
  const [first, ...others] = wrong.toSorted((a, b) => Number(b.level === "bad") - Number(a.level === "bad"));
  return first === undefined ? [goodFinding(snapshot, workers ?? [])] : [first, ...others];
}

function databaseFinding({ quarantine, workers }: Snapshot): SnapshotFinding | null {
  const trouble = !quarantine.ok ? quarantine.error : !workers.ok ? workers.error : null;
  if (trouble !== null) return ofTrouble("The database is away", "database.", trouble);
  const troubled = running(workers.ok ? workers.value : []).filter(({ figures }) => figures.databaseTrouble !== null);
  return ofWorkers("cannot write to the database", troubled, ({ figures }) => figures.databaseTrouble);
}

function queueFinding({ depth, workers }: Snapshot): SnapshotFinding | null {
  if (!depth.ok) return ofTrouble("The queue is away", "queue.", depth.error);
  const troubled = running(workers.ok ? workers.value : []).filter(({ figures }) => figures.queueTrouble !== null);
  return ofWorkers("cannot use the queue", troubled, ({ figures }) => figures.queueTrouble);
}

const AWAY: ReadonlySet<string> = new Set([
  "database.unreachable",
  "database.unavailable",
  "database.busy",
  "queue.unreachable",
  "queue.unavailable",
  "queue.throttled",
]);

function ofTrouble(away: string, area: string, { code, message, hint }: Trouble): SnapshotFinding {
  const text = AWAY.has(code) && code.startsWith(area) ? away : away.replace("is away", "cannot be read");
  return { level: "bad", text: `${text}.`, detail: sentence(message), hint };
}

function ofWorkers(
  what: string,
  workers: readonly WorkerStatus[],
  codeOf: (worker: WorkerStatus) => string | null,
): SnapshotFinding | null {
  if (workers.length === 0) return null;
  const codes = [...new Set(workers.map(codeOf))].join(", ");
  return {
    level: "bad",
    text: `${plural(workers.length, "worker")} ${what}.`,
    detail: `What fails is tried again: ${codes}.`,
    hint: "The worker's log says more; docs/errors.md explains the codes.",
  };
}

function workerFindings(workers: readonly WorkerStatus[]): readonly (SnapshotFinding | null)[] {
  const silent = missedWorkers(workers).length;
  const alive = running(workers);
  const draining = alive.filter(({ figures }) => figures.isDraining).length;
  return [
    alive.length > 0
      ? null
      : {
          level: "bad",
          text: "No worker runs: nothing is received.",
          detail: null,
          hint: "Start one with `piipe run`.",
        },
    silent === 0
      ? null
      : {
          level: "warn",
          text: `${plural(silent, "worker")} went silent without having stopped.`,
          detail: "Killed, or cut off from the database. What was received comes again by itself.",
          hint: "Look for the process on its host. It is no longer named once another was started, or after a day.",
        },
    draining === 0
      ? null
      : {
          level: "warn",
          text: draining === 1 ? "1 worker is stopping." : `${draining} workers are stopping.`,
          detail: "It stores what it has received, and receives no more.",
          hint: null,
        },
    ...CONCERN_NAMES.map((concern) => concernFinding(concern, alive)),
  ];
}

function concernFinding(concern: Concern, alive: readonly WorkerStatus[]): SnapshotFinding | null {
  // A worker of an earlier version tells of none.
  const { length } = alive.filter(({ figures }) => figures.concerns?.includes(concern));
  if (length === 0) return null;
  const { text, hint } = CONCERNS[concern];
  return { level: "warn", text: `${plural(length, "worker")}: ${text}.`, detail: null, hint: `${hint}.` };
}

function differingFinding(workers: readonly WorkerStatus[]): SnapshotFinding | null {
  const differing = workers.reduce((sum, { figures }) => sum + (figures.differing ?? 0), 0);
  if (differing === 0) return null;
  return {
    level: "warn",
    text: "Events had the id of a stored event, and other content.",
    detail: `Taken for duplicates, and deleted in the last day: ${plural(differing, "event")}.`,
    hint: "See who sends them: whichever comes first is stored.",
  };
}

function malformedFinding({ malformedWorkers = 0 }: Snapshot): SnapshotFinding | null {
  if (malformedWorkers === 0) return null;
  return {
    level: "warn",
    text: "Rows of piipe.workers are not as a worker writes them.",
    detail: `${plural(malformedWorkers, "row")} left out.`,
    hint: "Somebody else writes there, or a much newer piipe: look at the table, and at who may write to it.",
  };
}

function deadLetterFinding({ deadLetters }: Snapshot): SnapshotFinding | null {
  if (!deadLetters.ok || deadLetters.value === null || deadLetters.value.waiting === 0) return null;
  const { queue, waiting } = deadLetters.value;
  return {
    level: "warn",
    text: `Messages wait in the dead-letter queue ${queue}.`,
    detail: `${plural(waiting, "message")} came again and again without being settled.`,
    hint: "`piipe redrive --dry-run` shows what would become of them; after mending the cause, `piipe redrive`.",
  };
}

function goodFinding({ depth, quarantine, queue }: Snapshot, workers: readonly WorkerStatus[]): SnapshotFinding {
  const count = running(workers).length;
  const alive = plural(count, "worker");
  const isEmpty = depth.ok && depth.value.visible + depth.value.hidden + depth.value.delayed === 0;
  if (isEmpty && workers.every(({ figures }) => figures.received === 0)) {
    return {
      level: "good",
      text: `Nothing yet: ${alive} ${count === 1 ? "waits" : "wait"} for the first event.`,
      detail: null,
      hint: `Send an event to ${queue}: it shows here within seconds.`,
    };
  }
  const isQuarantined = quarantine.ok && quarantine.value.pending > 0;
  return {
    level: "good",
    text: `All is well: ${alive} running.`,
    detail: isQuarantined ? "Refused events wait in the quarantine." : null,
    hint: null,
  };
}

function running(workers: readonly WorkerStatus[]): readonly WorkerStatus[] {
  return workers.filter(({ state }) => state === "running");
}

function sentence(message: string): string {
  const text = message.startsWith("piipe") ? message : message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
