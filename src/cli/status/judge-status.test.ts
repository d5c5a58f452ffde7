import { expect, it } from "vitest";
import { liveWorker } from "../../../tests/support/live-worker.ts";
import type { Snapshot, WorkerStatus } from "../../app/snapshot.ts";
import type { WorkerFigures } from "../../telemetry/worker-figures.ts";
import { judgeStatus } from "./judge-status.ts";

function worker(status: Partial<WorkerStatus> = {}, figures: Partial<WorkerFigures> = {}): WorkerStatus {
  const live = liveWorker({}, figures);
  const times = { startedAt: "2026-01-31T10:00:00.000000Z", seenAt: "2026-01-31T12:00:00.000000Z" };
  return { ...live.identity, figures: live.figures, state: "running", ...times, silentMs: 0, ...status };
}

interface Waiting {
  readonly visible?: number;
  readonly pending?: number;
  readonly malformedWorkers?: number;
  readonly deadLetters?: Snapshot["deadLetters"];
}

const NO_DEAD_LETTERS: Snapshot["deadLetters"] = { ok: true, value: null };

function verdicts(
  workers: readonly WorkerStatus[],
  { visible = 0, pending = 0, malformedWorkers, deadLetters = NO_DEAD_LETTERS }: Waiting = {},
): readonly string[] {
  const snapshot: Snapshot = {
    // A clock that is a day ahead of the database's.
    at: "2026-02-01T12:00:00.000Z",
    pipeline: "logins",
    queue: "login-queue",
    table: "user_logins",
    depth: { ok: true, value: { visible, hidden: 0, delayed: 0 } },
    deadLetters,
    workers: { ok: true, value: workers },
    malformedWorkers,
    quarantine: { ok: true, value: { pending, reasons: [] } },
  };
  return judgeStatus(snapshot).map(({ level, text }) => `${level}: ${text}`);
}

it("is content with workers that run, whether or not there is work", () => {
  expect(verdicts([worker()])).toEqual(["ok: all is well: running 1 worker, nothing waits"]);
  expect(verdicts([worker(), worker()], { visible: 12 })).toEqual([
    "ok: all is well: running 2 workers, 12 messages to go",
  ]);
});

it("says when nobody works, and what waits for that", () => {
  expect(verdicts([])).toEqual(["warning: no worker has run in the last day"]);
  expect(verdicts([worker({ state: "stopped" })], { visible: 1, pending: 2 })).toEqual([
    "warning: no worker runs, and 1 message waits",
    "warning: 2 refused events wait in the quarantine",
  ]);
});

it("says what was left out, and which duplicates were none", () => {
  expect(verdicts([worker({}, { differing: 1 }), worker()], { malformedWorkers: 3 })).toEqual([
    "warning: 1 event of the last day had the id (dedupeBy) of a stored event and other content; taken for duplicates, it was deleted",
    "warning: 3 rows of piipe.workers are not as a worker writes them, and left out",
  ]);
});

it("names what a worker has trouble with, by the error's code", () => {
  const troubled = worker({ number: 2 }, { queueTrouble: "queue.unreachable", databaseTrouble: "database.busy" });
  expect(verdicts([worker(), troubled])).toEqual([
    "warning: worker 2 on a-host, process 42 has trouble with the queue [queue.unreachable], and tries again",
    "warning: worker 2 on a-host, process 42 has trouble with the database [database.busy], and tries again",
  ]);
});

it("tells what is wrong with workers though nothing fails for good, once for each kind", () => {
  const behind = worker({ number: 1 }, { concerns: ["lag-grows", "visibility-fails", "redeliveries"] });
  const other = worker({ number: 2 }, { concerns: ["lag-grows"] });
  const texts = verdicts([behind, other, worker()]);
  expect(texts).toEqual([
    expect.stringMatching(/^warning: worker 1 on .*; 2 on .* falls behind/),
    expect.stringMatching(/^warning: worker 1 on [^;]* could not keep messages hidden/),
    expect.stringMatching(/^warning: worker 1 on [^;]* receives more than a tenth of its messages again/),
  ]);
  expect(verdicts([worker({ state: "stopped" }, { concerns: ["lag-grows"] })])).toEqual(["warning: no worker runs"]);
  // A worker of an earlier version does not know the field.
  const { concerns: _, ...figures } = worker().figures;
  expect(verdicts([{ ...worker(), figures: figures as WorkerFigures }])).toEqual([
    "ok: all is well: running 1 worker, nothing waits",
  ]);
});

it("names the silent workers for which no other has been started since, one for each", () => {
  const silent = (pid: number, silentMs: number): WorkerStatus => {
    const seenAt = new Date(Date.UTC(2026, 0, 31, 12) - silentMs).toISOString();
    return worker({ state: "silent", pid, silentMs, seenAt });
  };
  const lost = [silent(1, 60_000), silent(2, 120_000)];
  const after = worker({ startedAt: "2026-01-31T11:59:30.000000Z" });
  expect(verdicts([worker(), ...lost])).toHaveLength(2);
  expect(verdicts([after, ...lost])).toEqual(["warning: worker a-host, process 2 is silent for 2 min"]);
  expect(verdicts([after, after, ...lost])).toEqual(["ok: all is well: running 2 workers, nothing waits"]);
  // What was started since and has ended as it should is proof enough; what has fallen silent itself is none.
  const ended = { ...after, state: "stopped" } as const;
  expect(verdicts([ended, ended, ...lost])).toEqual(["warning: no worker runs"]);
  expect(verdicts([{ ...ended, startedAt: worker().startedAt }, ...lost])).toHaveLength(3);
  expect(verdicts([{ ...after, state: "silent" }, ...lost])).toHaveLength(4);
});

it("warns of dead letters, and not when there are none or nobody may know", () => {
  const dead = (waiting: number): Snapshot["deadLetters"] => ({ ok: true, value: { queue: "logins-dead", waiting } });
  expect(verdicts([worker()], { deadLetters: dead(27) })).toEqual([
    "warning: 27 messages in the dead-letter queue logins-dead",
  ]);
  const content = ["ok: all is well: running 1 worker, nothing waits"];
  expect(verdicts([worker()], { deadLetters: dead(0) })).toEqual(content);
  const error = { code: "queue.denied", message: "AWS denied it", hint: null } as const;
  expect(verdicts([worker()], { deadLetters: { ok: false, error } })).toEqual(content);
});
