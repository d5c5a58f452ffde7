import { setMaxListeners } from "node:events";
import { PiipeError } from "../../errors.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { Totals } from "../../pipeline/totals.ts";
import type { LiveWorker } from "../../storage/workers.ts";
import { type ErrorReport, reportOf } from "../../telemetry/error-report.ts";
import { type CommandFailure, failureOf } from "../failure.ts";
import type { StopSignals } from "../stop-signals.ts";
import { RestartLimit, exitCodeFor, judgeExit } from "./judge-exit.ts";
import { type ReportEvent, describeEnd } from "./supervisor-log.ts";
import type { WorkerPlace } from "./worker-count.ts";
import type { WorkerExit, WorkerProcess, WorkerReport } from "./worker-process.ts";

export type StartWorker = (place: WorkerPlace, onReport: (report: WorkerReport) => void) => WorkerProcess;

export interface SupervisorOptions {
  readonly start: StartWorker;
  /** Those of each worker; there are as many workers as shares. */
  readonly connectionShares: readonly number[];
  /** The workers end by themselves when the queue is empty. */
  readonly untilEmpty: boolean;
  /** How long the workers may take to end when one of them has failed. */
  readonly drainTimeoutMs: number;
  readonly clock: Clock;
  readonly reportEvent: ReportEvent;
}

/** One life of one worker. */
interface Life {
  /** As far as the worker has told: one that was killed may have done a little more. */
  totals: Totals | null;
  error: ErrorReport | null;
  hasStarted: boolean;
}

/** From the order to stop at once until SIGKILL: a worker that obeys needs milliseconds. */
const KILL_AFTER_MS = 3_000;

/** Keeps several workers running until they are stopped, done, or one of them cannot go on. One instance runs once. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #totals: Totals = { received: 0, stored: 0, skipped: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 };
  readonly #running = new Map<number, WorkerProcess>();
  readonly #live = new Map<number, LiveWorker>();
  readonly #lives = new Set<Life>();
  readonly #killed = new Set<number>();
  /** Fires when the workers shall end, for whatever reason. */
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  #failure: CommandFailure | null = null;
  #restarts = 0;
  #startedMs: number | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // Each worker's pause listens to it.
    setMaxListeners(0, this.#stopping.signal);
  }

  /** What all workers did until their ends, those included that were replaced. Null: none of them had begun. */
  get totals(): Totals | null {
    return this.#startedMs === null ? null : this.#totals;
  }

  /** As `totals`, with what the running workers have told so far. */
  get totalsSoFar(): Totals | null {
    if (this.#startedMs === null) return null;
    const sum = { ...this.#totals };
    for (const { totals } of this.#lives) addTotals(sum, totals);
    return sum;
  }

  /** The running workers, as they last reported. */
  get workers(): readonly LiveWorker[] {
    return [...this.#live.values()];
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** When the first worker had found everything in order, by the clock. */
  get startedMs(): number | null {
    return this.#startedMs;
  }

  /** Resolves when every worker has ended: with why, or null when all is well. */
  async run({ stop, abort }: StopSignals): Promise<CommandFailure | null> {
    const onStop = (): void => this.#stopping.abort();
    const onAbort = (): void => this.#aborting.abort();
    stop.addEventListener("abort", onStop);
    abort.addEventListener("abort", onAbort);
    if (stop.aborted) onStop();
    const allEnded = new AbortController();
    const ending = this.#seeToTheEnd(allEnded.signal);
    await Promise.all(
      this.#options.connectionShares.map((connections, index) => this.#keep({ number: index + 1, connections })),
    );
    allEnded.abort();
    await ending;
    stop.removeEventListener("abort", onStop);
    abort.removeEventListener("abort", onAbort);
    return this.#failure;
  }

  /** Runs a worker, and others in its place. */
  async #keep(place: WorkerPlace): Promise<void> {
    const { clock, untilEmpty, reportEvent } = this.#options;
    const limit = new RestartLimit(untilEmpty);
    for (let lives = 0; !this.#stopping.signal.aborted; lives += 1) {
      if (lives > 0) this.#restarts += 1;
      const life: Life = { totals: null, error: null, hasStarted: false };
      const bornMs = clock.nowMs();
      const exit = await this.#runOne(place, life);
      const verdict = judgeExit(exit, {
        isStopping: this.#stopping.signal.aborted,
        untilEmpty,
        hasStarted: life.hasStarted,
        hasAnyStarted: this.#startedMs !== null,
      });
      if (verdict === "done") return;
      const delayMs = limit.nextDelayMs(verdict, clock.nowMs() - bornMs);
      if (delayMs === null) return this.#fail(place, life, exit);
      reportEvent({ type: "worker.replaced", ...endOf(place, life, exit), failures: limit.failures, delayMs });
      await clock.sleep(delayMs, this.#stopping.signal);
    }
  }

  async #runOne(place: WorkerPlace, life: Life): Promise<WorkerExit> {
    const { start, clock, reportEvent } = this.#options;
    const worker = start(place, (report) => {
      if (report.report === "progress") {
        life.totals = report.totals;
        if (report.worker === null) this.#live.delete(place.number);
        else this.#live.set(place.number, report.worker);
      } else if (report.report === "failed") life.error = report.error;
      else {
        life.hasStarted = true;
        this.#startedMs ??= clock.nowMs();
      }
    });
    this.#running.set(place.number, worker);
    this.#lives.add(life);
    const { pid } = worker;
    if (pid !== undefined) {
      reportEvent({ type: "worker.launched", worker: place.number, pid, connections: place.connections });
    }
    const exit = await worker.ended;
    this.#running.delete(place.number);
    this.#live.delete(place.number);
    this.#lives.delete(life);
    addTotals(this.#totals, life.totals);
    return exit;
  }

  /** The first failure is that of the run, and ends it. */
  #fail(place: WorkerPlace, life: Life, exit: WorkerExit): void {
    const end = endOf(place, life, exit);
    const isFirst = this.#failure === null;
    this.#options.reportEvent({ type: isFirst ? "worker.failed" : "worker.ended", ...end });
    if (!isFirst) return;
    this.#failure = this.#killed.has(place.number)
      ? failureOf(killedError(place))
      : { error: life.error ?? reportOf(diedError(place, end)), exitCode: exitCodeFor(exit) };
    this.#stopping.abort();
  }

  /** Once they are to stop: tells them, then more and more firmly. */
  async #seeToTheEnd(allEnded: AbortSignal): Promise<void> {
    const { clock, drainTimeoutMs, reportEvent } = this.#options;
    await fired(AbortSignal.any([this.#stopping.signal, allEnded]));
    for (const worker of this.#running.values()) worker.send("stop");
    await clock.sleep(drainTimeoutMs, AbortSignal.any([this.#aborting.signal, allEnded]));
    for (const worker of this.#running.values()) worker.send("abort");
    await clock.sleep(KILL_AFTER_MS, allEnded);
    for (const [number, worker] of this.#running) {
      reportEvent({ type: "worker.killed", worker: number });
      this.#killed.add(number);
      worker.kill();
    }
  }
}

function addTotals(sum: Totals, totals: Totals | null): void {
  if (!totals) return;
  for (const key of Object.keys(totals) as (keyof Totals)[]) sum[key] = (sum[key] ?? 0) + (totals[key] ?? 0);
}

const endOf = ({ number }: WorkerPlace, { error }: Life, { code, signal }: WorkerExit) => ({
  worker: number,
  exitCode: code,
  signal,
  error,
});

/** For a worker that ended without a word. */
function diedError({ number }: WorkerPlace, end: Parameters<typeof describeEnd>[0]): PiipeError {
  return new PiipeError("worker.died", `worker ${number} ${describeEnd(end)}, and did not say why`, {
    hint:
      "Nothing is lost: what it held becomes visible in the queue again. SIGKILL comes mostly from the system or the " +
      "container when memory is short: give more, or start fewer workers.",
  });
}

function killedError({ number }: WorkerPlace): PiipeError {
  return new PiipeError("interrupted", `worker ${number} did not end when it was told to, and was killed`, {
    hint: "Nothing is lost: what it held becomes visible in the queue again.",
  });
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
