import { EXIT_CODES } from "../../../src/cli/failure.ts";
import type { CliResult } from "../../support/cli.ts";
import type { KillPoint, Worker } from "../../support/doomed-worker.ts";

/** Characters of a worker's last words that tell why it ended. */
const LAST_WORDS_CHARS = 1_000;
/** More than the workers that began while the database was away. */
const FAILED_STARTS_MAX = 10;
const STOP_TIMEOUT_MS = 60_000;

/** Workers of one pipeline, each replaced when it ends, as a supervisor does. */
export class WorkerFleet {
  readonly #start: () => Worker;
  readonly #workers: Worker[] = [];
  readonly #ended: CliResult[] = [];
  readonly #unexpectedEnds: string[] = [];
  readonly #doomed = new Set<Worker>();
  #isStopping = false;
  #turn = 0;

  constructor(size: number, start: () => Worker) {
    this.#start = start;
    for (let index = 0; index < size; index += 1) this.#begin(index);
  }

  get ended(): readonly CliResult[] {
    return this.#ended;
  }

  /** Why workers ended that nobody had killed or stopped. */
  get unexpectedEnds(): readonly string[] {
    return this.#unexpectedEnds;
  }

  /** Sums one of the totals that workers print at their end; killed ones print none. */
  sumOf(total: string): number {
    const totals = this.#ended.flatMap(({ stdout }) =>
      stdout === "" ? [] : [JSON.parse(stdout) as Readonly<Record<string, number>>],
    );
    return totals.reduce((sum, each) => sum + (each[total] ?? 0), 0);
  }

  /** How often the logs of all workers so far hold the text. */
  countPrinted(text: string): number {
    const logs = [...this.#ended.map(({ stderr }) => stderr), ...this.#workers.map((worker) => worker.stderr())];
    return logs.reduce((count, log) => count + log.split(text).length - 1, 0);
  }

  /** Resolves when a worker has died at the point: the one whose turn it is, or the next when that never began. */
  async killAt(point: KillPoint): Promise<void> {
    for (let failedStarts = 0; ; failedStarts += 1) {
      const worker = this.#workers[this.#turn % this.#workers.length];
      if (worker === undefined) throw new Error("the fleet has no worker");
      this.#turn += 1;
      this.#doomed.add(worker);
      try {
        return await worker.killAt(point);
      } catch (error) {
        if (!isFailedStart(await worker.ended) || failedStarts === FAILED_STARTS_MAX) throw error;
      }
    }
  }

  /** Ends all of them with SIGTERM, and those that do not obey with SIGKILL. Safe twice. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const signal = (name: "SIGTERM" | "SIGKILL"): void => {
      for (const worker of this.#workers) worker.process.kill(name);
    };
    signal("SIGTERM");
    const timer = setTimeout(() => signal("SIGKILL"), STOP_TIMEOUT_MS);
    await Promise.all(this.#workers.map(({ ended }) => ended));
    clearTimeout(timer);
  }

  #begin(index: number): void {
    const worker = this.#start();
    this.#workers[index] = worker;
    void worker.ended.then((result) => {
      this.#ended.push(result);
      if (!this.#isExpected(worker, result) && !isFailedStart(result)) {
        this.#unexpectedEnds.push(`${result.signal ?? result.code}: ${result.stderr.slice(-LAST_WORDS_CHARS)}`);
      }
      if (!this.#isStopping) this.#begin(index);
    });
  }

  #isExpected(worker: Worker, { signal, code, stderr }: CliResult): boolean {
    if (this.#doomed.has(worker)) return signal === "SIGKILL";
    // Before the command listens for it, SIGTERM ends any process.
    return this.#isStopping && (code === 0 || (signal === "SIGTERM" && stderr === ""));
  }
}

/** A start that finds no database, as while it is being restarted, says so and ends: its supervisor tries again. */
function isFailedStart({ code, stderr }: CliResult): boolean {
  return code === EXIT_CODES.service && !stderr.includes("pipeline.started");
}
