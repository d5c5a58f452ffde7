import { describe, expect, it } from "vitest";
import { ALL_DOWN, AWAY, DATABASE_DOWN, EMPTY, MILLION, workerOf } from "../../../tests/browser/snapshots.ts";
import type { Snapshot } from "../../app/snapshot.ts";
import { findingsOf } from "./findings.ts";

function textsOf(snapshot: Snapshot): readonly string[] {
  return findingsOf(snapshot).map(({ level, text }) => `${level}: ${text}`);
}

function withWorkers(...workers: readonly ReturnType<typeof workerOf>[]): Snapshot {
  return { ...MILLION, deadLetters: { ok: true, value: null }, workers: { ok: true, value: workers } };
}

describe("what is well", () => {
  it("is waiting for the first event", () => {
    expect(textsOf(EMPTY)).toEqual(["good: Nothing yet: 1 worker waits for the first event."]);
    const two = { ...EMPTY, workers: { ok: true, value: [workerOf(1), workerOf(2)] } } as const;
    expect(textsOf(two)).toEqual(["good: Nothing yet: 2 workers wait for the first event."]);
  });

  it("is running, also with refused events", () => {
    const [finding, ...others] = findingsOf(withWorkers(workerOf(1, { received: 1 }), workerOf(2)));
    expect(finding).toMatchObject({ level: "good", text: "All is well: 2 workers running." });
    expect(finding.detail).toContain("quarantine");
    expect(others).toEqual([]);
  });
});

describe("what is wrong", () => {
  it("is a database that is away, as the process sees it or its workers do", () => {
    expect(textsOf(DATABASE_DOWN)).toEqual(["bad: The database is away."]);
    expect(findingsOf(DATABASE_DOWN)[0].hint).toBe(AWAY.hint);
    expect(textsOf(withWorkers(workerOf(1, { databaseTrouble: "database.busy" }), workerOf(2)))).toEqual([
      "bad: 1 worker cannot write to the database.",
    ]);
  });

  it("is a database that answers, but not with what is needed", () => {
    const error = { ...AWAY, code: "database.not-migrated", message: "piipe's tables are missing" } as const;
    const snapshot = { ...EMPTY, quarantine: { ok: false, error } } as const;
    expect(findingsOf(snapshot)[0]).toMatchObject({
      text: "The database cannot be read.",
      detail: "piipe's tables are missing.",
    });
  });

  it("is a queue that is away", () => {
    expect(textsOf(ALL_DOWN)).toEqual(["bad: The database is away.", "bad: The queue is away."]);
    expect(textsOf(withWorkers(workerOf(1, { queueTrouble: "queue.throttled" })))).toEqual([
      "bad: 1 worker cannot use the queue.",
    ]);
  });

  it("is messages in the dead-letter queue, behind all that is worse", () => {
    const snapshot: Snapshot = { ...MILLION, workers: { ok: true, value: [workerOf(1)] } };
    const [finding, ...others] = findingsOf(snapshot);
    expect(finding).toMatchObject({
      level: "warn",
      text: "Messages wait in the dead-letter queue login-queue-dead-letters.",
      detail: expect.stringContaining("1,027 messages"),
      hint: expect.stringContaining("`piipe redrive --dry-run`"),
    });
    expect(others).toEqual([]);
    const error = { ...AWAY, code: "queue.denied" } as const;
    expect(textsOf({ ...snapshot, deadLetters: { ok: false, error } })).toEqual([
      "good: All is well: 1 worker running.",
    ]);
  });

  it("is a lag that grows, messages that cannot be kept hidden, and bodies that are corrupt", () => {
    const behind = workerOf(1, { concerns: ["lag-grows", "visibility-fails"] });
    const corrupt = workerOf(2, { concerns: ["bodies-corrupt"] });
    expect(textsOf(withWorkers(behind, corrupt))).toEqual([
      expect.stringMatching(/^warn: 1 worker: falls behind/),
      expect.stringMatching(/^warn: 1 worker: could not keep messages hidden/),
      expect.stringMatching(/^warn: 1 worker: gets bodies that do not match/),
    ]);
  });

  it("is no worker, one that went silent, one that stops: the worst first", () => {
    const silent = { ...workerOf(2), state: "silent" } as const;
    expect(textsOf(withWorkers(silent))).toEqual([
      "bad: No worker runs: nothing is received.",
      "warn: 1 worker went silent without having stopped.",
    ]);
    expect(textsOf(withWorkers(workerOf(1, { isDraining: true }), silent))).toEqual([
      "warn: 1 worker went silent without having stopped.",
      "warn: 1 worker is stopping.",
    ]);
    expect(textsOf(withWorkers({ ...workerOf(1), state: "stopped" }))).toEqual([
      "bad: No worker runs: nothing is received.",
    ]);
    const later = { ...workerOf(1), startedAt: "2100-01-01T00:00:00.000000Z" };
    expect(textsOf(withWorkers(later, silent))).toEqual(["good: All is well: 1 worker running."]);
    expect(textsOf(withWorkers({ ...later, state: "stopped" }, silent))).toEqual([
      "bad: No worker runs: nothing is received.",
    ]);
  });
});
