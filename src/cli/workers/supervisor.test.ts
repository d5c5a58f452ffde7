import { describe, expect, it } from "vitest";
import { SimClock } from "../../../tests/simulation/sim-clock.ts";
import { SeededRandom } from "../../../tests/support/seeded-random.ts";
import type { Totals } from "../../pipeline/totals.ts";
import type { SupervisorEvent } from "./supervisor-log.ts";
import { Supervisor } from "./supervisor.ts";
import type { WorkerPlace } from "./worker-count.ts";
import type { WorkerExit, WorkerProcess, WorkerReport } from "./worker-process.ts";

const DRAIN_TIMEOUT_MS = 25_000;

class FakeWorker implements WorkerProcess {
  readonly pid = 1;
  readonly orders: string[] = [];
  readonly place: WorkerPlace;
  readonly ended: Promise<WorkerExit>;
  readonly tell: (report: WorkerReport) => void;
  #end: (exit: WorkerExit) => void = () => {};

  constructor(place: WorkerPlace, tell: (report: WorkerReport) => void) {
    this.place = place;
    this.tell = tell;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  send(order: string): void {
    this.orders.push(order);
  }

  kill(): void {
    this.orders.push("SIGKILL");
    this.die("SIGKILL");
  }

  begin(): void {
    this.tell({ report: "started" });
  }

  exit(code: number): void {
    this.#end({ code, signal: null });
  }

  die(signal: string): void {
    this.#end({ code: null, signal });
  }
}

function supervise({ connectionShares = [2, 2], untilEmpty = false } = {}) {
  const clock = new SimClock(new SeededRandom(1));
  const started: FakeWorker[] = [];
  const events: SupervisorEvent[] = [];
  const stop = new AbortController();
  const abort = new AbortController();
  const supervisor = new Supervisor({
    start(place, tell) {
      const worker = new FakeWorker(place, tell);
      started.push(worker);
      return worker;
    },
    connectionShares,
    untilEmpty,
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
    clock,
    reportEvent: (event) => events.push(event),
  });
  const ended = supervisor.run({ stop: stop.signal, abort: abort.signal, close: () => {} });
  /** The newest worker of a number. */
  const worker = (number: number): FakeWorker => {
    const found = started.findLast(({ place }) => place.number === number);
    if (!found) throw new Error(`worker ${number} was never started`);
    return found;
  };
  const typesOf = (): readonly string[] => events.map(({ type }) => type);
  return { supervisor, clock, started, events, typesOf, stop, abort, ended, worker };
}

const totals = (stored: number): Totals => ({
  received: stored + 1,
  stored,
  skipped: 0,
  duplicate: 0,
  quarantined: 1,
  left: 0,
  deleted: stored + 1,
});

describe("Supervisor", () => {
  it("starts each worker with its number and its share of the connections", async () => {
    const { started, stop, ended, worker } = supervise({ connectionShares: [3, 2, 2] });
    expect(started.map(({ place }) => place)).toEqual([
      { number: 1, connections: 3 },
      { number: 2, connections: 2 },
      { number: 3, connections: 2 },
    ]);
    stop.abort();
    for (const number of [1, 2, 3]) worker(number).exit(0);
    expect(await ended).toBeNull();
  });

  it("starts nothing when it is stopped before", async () => {
    const stopped = new AbortController();
    stopped.abort();
    const supervisor = new Supervisor({
      start: () => {
        throw new Error("no worker may be started");
      },
      connectionShares: [1, 1],
      untilEmpty: false,
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
      clock: new SimClock(new SeededRandom(1)),
      reportEvent: () => {},
    });
    const never = new AbortController().signal;
    expect(await supervisor.run({ stop: stopped.signal, abort: never, close: () => {} })).toBeNull();
    expect(supervisor.totals).toBeNull();
  });

  it("starts a killed worker again after a second, and counts what all lives did", async () => {
    const { supervisor, clock, started, typesOf, stop, ended, worker } = supervise();
    for (const each of started) each.begin();
    worker(1).tell({ report: "progress", totals: totals(10), worker: null });
    worker(1).tell({ report: "progress", totals: totals(30), worker: null });
    worker(2).tell({ report: "progress", totals: { ...totals(5), dropped: 2, updated: 1 }, worker: null });
    expect(supervisor.totalsSoFar).toMatchObject({ stored: 35, received: 37, dropped: 2, updated: 1 });
    worker(1).die("SIGKILL");
    await clock.settle();
    expect(supervisor.totalsSoFar).toMatchObject({ stored: 35, received: 37 });
    expect(started).toHaveLength(2);
    clock.advance();
    await clock.settle();
    expect(clock.nowMs() - clock.startMs).toBe(1_000);
    expect(started).toHaveLength(3);
    expect(worker(1).place).toEqual({ number: 1, connections: 2 });
    worker(1).tell({ report: "progress", totals: { ...totals(7), dropped: 3 }, worker: null });
    stop.abort();
    worker(1).exit(0);
    worker(2).exit(0);
    expect(await ended).toBeNull();
    expect(supervisor.restarts).toBe(1);
    expect(supervisor.totals).toEqual({
      received: 45,
      stored: 42,
      skipped: 0,
      dropped: 5,
      updated: 1,
      duplicate: 0,
      quarantined: 3,
      left: 0,
      deleted: 45,
    });
    expect(typesOf()).toContain("worker.replaced");
  });

  it("stops the others when one has failed five times, and takes over its error and exit code", async () => {
    const { supervisor, clock, started, events, ended, worker } = supervise();
    for (const each of started) each.begin();
    for (let failures = 1; failures <= 5; failures += 1) {
      worker(2).tell({
        report: "failed",
        error: { code: "database.denied", message: `failure ${failures}`, hint: null },
      });
      worker(2).exit(4);
      await clock.settle();
      if (failures < 5) clock.advance();
      await clock.settle();
    }
    expect(worker(1).orders).toEqual(["stop"]);
    worker(1).exit(0);
    expect(await ended).toEqual({
      exitCode: 4,
      error: { code: "database.denied", message: "failure 5", hint: null },
    });
    expect(supervisor.restarts).toBe(4);
    expect(clock.nowMs() - clock.startMs).toBe(15_000);
    expect(events.at(-1)).toMatchObject({
      type: "worker.failed",
      worker: 2,
      exitCode: 4,
      error: { code: "database.denied" },
    });
  });

  it("gives exit code 1 and says what happened when a worker is killed again and again", async () => {
    const { clock, started, ended, worker } = supervise();
    for (const each of started) each.begin();
    for (let failures = 1; failures <= 5; failures += 1) {
      worker(1).die("SIGKILL");
      await clock.settle();
      if (failures < 5) clock.advance();
      await clock.settle();
    }
    worker(2).exit(0);
    const failure = await ended;
    expect(failure?.exitCode).toBe(1);
    expect(failure?.error.code).toBe("worker.died");
    expect(failure?.error.message).toContain("worker 1 was ended by SIGKILL");
  });

  it.each([2, 3, 5])("stops all at once when one ends with %i", async (code) => {
    const { clock, started, ended, worker } = supervise({ connectionShares: [1, 1, 1] });
    for (const each of started) each.begin();
    worker(3).exit(code);
    await clock.settle();
    expect(worker(1).orders).toEqual(["stop"]);
    expect(worker(2).orders).toEqual(["stop"]);
    worker(1).exit(0);
    worker(2).exit(0);
    expect((await ended)?.exitCode).toBe(code);
    expect(started).toHaveLength(3);
  });

  it("does not try again what no worker could do at the start, and tells of it once", async () => {
    const { clock, started, events, ended, worker } = supervise();
    const error = { code: "database.unreachable", message: "no database", hint: null };
    for (const number of [1, 2]) {
      worker(number).tell({ report: "failed", error });
      worker(number).exit(4);
      await clock.settle();
    }
    expect(await ended).toEqual({ exitCode: 4, error });
    expect(started).toHaveLength(2);
    expect(events.filter(({ type }) => type === "worker.failed")).toHaveLength(1);
  });

  it("is done when each worker has found the queue empty", async () => {
    const { clock, started, ended, worker } = supervise({ untilEmpty: true });
    for (const each of started) each.begin();
    worker(2).exit(0);
    await clock.settle();
    worker(1).die("SIGKILL");
    await clock.settle();
    clock.advance();
    await clock.settle();
    expect(started.map(({ place }) => place.number)).toEqual([1, 2, 1]);
    worker(1).exit(0);
    expect(await ended).toBeNull();
  });

  it("starts a worker again that somebody else stopped", async () => {
    const { supervisor, clock, started, stop, ended, worker } = supervise({ connectionShares: [1] });
    for (let time = 0; time < 8; time += 1) {
      worker(1).begin();
      worker(1).exit(0);
      await clock.settle();
      clock.advance();
      await clock.settle();
    }
    expect(started).toHaveLength(9);
    stop.abort();
    worker(1).exit(0);
    expect(await ended).toBeNull();
    expect(supervisor.restarts).toBe(8);
  });

  it("does not wait for a pause when it is stopped", async () => {
    const { clock, started, stop, ended, worker } = supervise({ connectionShares: [1] });
    worker(1).begin();
    worker(1).die("SIGKILL");
    await clock.settle();
    stop.abort();
    expect(await ended).toBeNull();
    expect(started).toHaveLength(1);
  });

  it("aborts at the second signal, and kills what does not obey", async () => {
    const { clock, started, events, stop, abort, ended, worker } = supervise();
    for (const each of started) each.begin();
    stop.abort();
    await clock.settle();
    abort.abort();
    await clock.settle();
    const error = { code: "interrupted", message: "stopped before 7 received messages were settled", hint: null };
    worker(1).tell({ report: "failed", error });
    worker(1).exit(130);
    await clock.settle();
    expect(worker(2).orders).toEqual(["stop", "abort"]);
    clock.advance();
    expect(await ended).toEqual({ exitCode: 130, error });
    expect(worker(1).orders).toEqual(["stop", "abort"]);
    expect(worker(2).orders).toEqual(["stop", "abort", "SIGKILL"]);
    expect(events).toContainEqual({ type: "worker.killed", worker: 2 });
    expect(clock.nowMs() - clock.startMs).toBe(3_000);
  });

  it("says so when it had to kill a worker, and that nothing is lost", async () => {
    const { clock, stop, abort, ended, worker } = supervise({ connectionShares: [1] });
    worker(1).begin();
    stop.abort();
    abort.abort();
    await clock.settle();
    clock.advance();
    expect(await ended).toMatchObject({ exitCode: 130, error: { code: "interrupted" } });
  });

  it("cuts the drain after a failure short at the same limit as after a signal", async () => {
    const { clock, started, ended, worker } = supervise();
    for (const each of started) each.begin();
    worker(1).exit(5);
    await clock.settle();
    clock.advance();
    await clock.settle();
    expect(clock.nowMs() - clock.startMs).toBe(DRAIN_TIMEOUT_MS);
    expect(worker(2).orders).toEqual(["stop", "abort"]);
    worker(2).exit(130);
    expect((await ended)?.exitCode).toBe(5);
  });
});
