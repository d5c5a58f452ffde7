import type { Snapshot, WorkerStatus } from "../../app/snapshot.ts";
import { CONCERNS, CONCERN_NAMES } from "../../telemetry/concerns.ts";
import { missedWorkers } from "../../telemetry/missed-workers.ts";
import { counted, showMs } from "../output.ts";

export interface StatusVerdict {
  readonly level: "ok" | "warning" | "error";
  readonly text: string;
  /** What to do about it. */
  readonly hint: string | null;
}

/** What there is to know of a pipeline before anything else, the worst first; one `ok` when there is nothing to do. */
export function judgeStatus({
  depth,
  deadLetters,
  workers,
  malformedWorkers = 0,
  quarantine,
}: Snapshot): readonly StatusVerdict[] {
  const waiting = depth.ok ? depth.value.visible : 0;
  const verdicts: StatusVerdict[] = [];
  if (!depth.ok) verdicts.push(unread("the queue", depth.error));
  if (!workers.ok) verdicts.push(unread("the workers", workers.error));
  // Both are in the database: the same failure needs to be told once.
  if (!quarantine.ok && (workers.ok || workers.error.code !== quarantine.error.code)) {
    verdicts.push(unread("the quarantine", quarantine.error));
  }
  if (workers.ok) verdicts.push(...judgeWorkers(workers.value, waiting), ...judgeDuplicates(workers.value));
  if (malformedWorkers > 0) {
    verdicts.push({
      level: "warning",
      text: `${counted(malformedWorkers, "row")} of piipe.workers ${malformedWorkers === 1 ? "is" : "are"} not as a worker writes them, and left out`,
      hint: "Somebody else writes there, or a much newer piipe: look at the table, and at who may write to it",
    });
  }
  if (quarantine.ok && quarantine.value.pending > 0) {
    const { pending } = quarantine.value;
    verdicts.push({
      level: "warning",
      text: `${counted(pending, "refused event")} ${pending === 1 ? "waits" : "wait"} in the quarantine`,
      hint: "`piipe quarantine list` shows them; after mending the cause, `piipe quarantine replay`",
    });
  }
  if (deadLetters.ok && deadLetters.value !== null && deadLetters.value.waiting > 0) {
    verdicts.push({
      level: "warning",
      text: `${counted(deadLetters.value.waiting, "message")} in the dead-letter queue ${deadLetters.value.queue}`,
      hint: "`piipe redrive --dry-run` shows what would become of them; after mending the cause, `piipe redrive`",
    });
  }
  if (verdicts.length > 0) return verdicts;
  const running = workers.ok ? counted(workers.value.filter(isRunning).length, "worker") : "";
  const atWork = waiting === 0 ? "nothing waits" : `${counted(waiting, "message")} to go`;
  return [{ level: "ok", text: `all is well: running ${running}, ${atWork}`, hint: null }];
}

function judgeDuplicates(workers: readonly WorkerStatus[]): readonly StatusVerdict[] {
  const differing = workers.reduce((sum, { figures }) => sum + (figures.differing ?? 0), 0);
  if (differing === 0) return [];
  return [
    {
      level: "warning",
      text: `${counted(differing, "event")} of the last day had the id (dedupeBy) of a stored event and other content; taken for duplicates, ${differing === 1 ? "it was" : "they were"} deleted`,
      hint: "See who sends them: whichever comes first is stored, and whoever can guess an id can come first",
    },
  ];
}

export const isRunning = ({ state }: WorkerStatus): boolean => state === "running";

/** For people: who it is. */
const workerName = ({ host, pid, number }: WorkerStatus): string =>
  `${number === null ? "" : `${number} on `}${host}${pid === null ? "" : `, process ${pid}`}`;

function judgeWorkers(workers: readonly WorkerStatus[], waiting: number): readonly StatusVerdict[] {
  const verdicts: StatusVerdict[] = [];
  const running = workers.filter(isRunning);
  if (running.length === 0) {
    verdicts.push({
      level: "warning",
      text:
        (workers.length === 0 ? "no worker has run in the last day" : "no worker runs") +
        (waiting === 0 ? "" : `, and ${counted(waiting, "message")} ${waiting === 1 ? "waits" : "wait"}`),
      hint: "`piipe run` starts one",
    });
  }
  for (const worker of missedWorkers(workers)) {
    verdicts.push({
      level: "warning",
      text: `worker ${workerName(worker)} is silent for ${showMs(worker.silentMs)}`,
      hint: "It was killed, or cannot reach the database; its log says which. After a day it is forgotten",
    });
  }
  for (const worker of running) {
    const { queueTrouble, databaseTrouble } = worker.figures;
    for (const [what, code] of [
      ["the queue", queueTrouble],
      ["the database", databaseTrouble],
    ] as const) {
      if (code === null) continue;
      const text = `worker ${workerName(worker)} has trouble with ${what} [${code}], and tries again`;
      verdicts.push({ level: "warning", text, hint: "`piipe check`, where it runs, says what to mend" });
    }
  }
  for (const concern of CONCERN_NAMES) {
    // A worker of an earlier version tells of none.
    const concerned = running.filter(({ figures }) => figures.concerns?.includes(concern));
    if (concerned.length === 0) continue;
    const { text, hint } = CONCERNS[concern];
    verdicts.push({ level: "warning", text: `worker ${concerned.map(workerName).join("; ")} ${text}`, hint });
  }
  return verdicts;
}

function unread(
  what: string,
  { code, message, hint }: { code: string; message: string; hint: string | null },
): StatusVerdict {
  return { level: "error", text: `${what} could not be read: ${message} [${code}]`, hint };
}
