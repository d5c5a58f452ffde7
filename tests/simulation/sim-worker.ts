import { PiipeError } from "../../src/errors.ts";
import type { Clock } from "../../src/pipeline/contracts.ts";
import { carriedOver, Engine } from "../../src/pipeline/engine.ts";
import { SqsSource } from "../../src/sources/sqs/sqs-source.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { DatabaseConnection } from "./database-connection.ts";
import { Life } from "./life.ts";
import type { ModelDatabase } from "./model-database.ts";
import type { ModelSqs } from "./model-sqs.ts";
import type { PlannedSignal } from "./scenario.ts";
import { SqsConnection } from "./sqs-connection.ts";
import { decode, mask, seal } from "./stages.ts";
import { WatchedSource } from "./watched-source.ts";
import type { World } from "./world.ts";

/** As the command line's. */
const DRAIN_TIMEOUT_MS = 25_000;
/** What closing may take, and a poll's grace. */
const CLOSE_MAX_MS = 10_000;
/** Whoever runs workers starts one that has ended again. */
const RESTART_MS = 5_000;
const GIVE_UP_AFTER_MS = 60_000;
const EMPTY_CONFIRMATIONS = 2;
/** The source hides a corrupt message for so long. */
const CORRUPT_DELAY_MS = 5_000;
const WAIT_SECONDS = 20;

/** A worker that is started again whenever it has ended or crashed, until it retires. */
export class SimWorker {
  readonly #name: string;
  readonly #world: World;
  readonly #sqs: ModelSqs;
  readonly #database: ModelDatabase;
  #life: Life | null = null;
  #starts = 0;
  #awayMs = RESTART_MS;
  #isRetired = false;

  constructor(name: string, world: World, sqs: ModelSqs, database: ModelDatabase) {
    this.#name = name;
    this.#world = world;
    this.#sqs = sqs;
    this.#database = database;
  }

  get isRunning(): boolean {
    return this.#life !== null;
  }

  start(): void {
    if (this.#isRetired || this.#life !== null) return;
    this.#starts += 1;
    const life = new Life(`${this.#name}.${this.#starts}`, (awayMs) => {
      this.#world.chronicle.happened(life.name, "crash");
      this.#life = null;
      this.#world.clock.after(awayMs, () => this.start());
    });
    this.#life = life;
    this.#awayMs = RESTART_MS;
    this.#live(life).catch((error: unknown) => this.#world.chronicle.break(`${life.name} met a bug: ${String(error)}`));
  }

  signal({ kind, awayMs }: PlannedSignal): void {
    const life = this.#life;
    if (life === null) return;
    this.#world.chronicle.happened(life.name, `told to ${kind}`);
    if (kind === "crash") {
      life.crash(awayMs);
      return;
    }
    this.#awayMs = awayMs;
    if (kind === "stop") this.#stop(life);
    else this.#abort(life);
  }

  /** Stops it for good. */
  retire(): void {
    this.#isRetired = true;
    if (this.#life !== null) this.#stop(this.#life);
  }

  #stop(life: Life): void {
    if (life.stop.signal.aborted) return;
    life.stop.abort();
    this.#world.clock.after(DRAIN_TIMEOUT_MS, () => {
      if (life.isAlive) this.#abort(life);
    });
  }

  #abort(life: Life): void {
    if (life.abort.signal.aborted) return;
    life.abort.abort();
    this.#world.clock.after(CLOSE_MAX_MS, () => {
      if (life.isAlive) this.#world.chronicle.break(`${life.name} does not end after an abort`);
    });
  }

  async #live(life: Life): Promise<void> {
    const { clock, chronicle, scenario } = this.#world;
    const { queue, limits, untilEmpty, hasSealingKey, haltAboveShare } = scenario;
    const giveUpAfterMs = untilEmpty ? GIVE_UP_AFTER_MS : null;
    const mortalClock: Clock = {
      nowMs: () => clock.nowMs(),
      elapsedMs: () => clock.elapsedMs(),
      random: () => clock.random(),
      sleep: (delayMs, signal) => life.mortal(clock.sleep(delayMs, signal)),
    };
    const emit = (event: TelemetryEvent): void => {
      if (life.isAlive) chronicle.note(life.name, event);
    };
    const url = "https://sqs.us-east-1.amazonaws.com/000000000000/model";
    const source = new SqsSource({
      client: new SqsConnection(this.#sqs, life, this.#world),
      queue: { url, arn: "arn:aws:sqs:us-east-1:000000000000:model", isFifo: queue.isFifo },
      visibilitySeconds: queue.visibilitySeconds,
      waitSeconds: WAIT_SECONDS,
      lingerMs: limits.lingerMs,
      attributeNames: [],
      giveUpAfterMs,
      clock: mortalClock,
      emit,
      closeClient: () => Promise.resolve(),
    });
    const watched = new WatchedSource(source, life, this.#world, this.#sqs, this.#database);
    const sink = new DatabaseConnection(this.#database, life, this.#world);
    const engine = new Engine(
      { source: watched, decode, mask, sink, seal: hasSealingKey ? seal : null },
      { ...limits, batchBytesMax: 20_000, giveUpAfterMs },
      carriedOver(haltAboveShare, mortalClock),
      mortalClock,
      emit,
    );
    chronicle.note(life.name, "starts");
    const hasFailed = await this.#run(engine, life);
    await watched.close();
    if (!life.abort.signal.aborted) this.#checkNothingHidden(life);
    if (!hasFailed && hasSealingKey && watched.releases > 0)
      chronicle.break(`${life.name} gave messages back and did not say why it could not store them`);
    chronicle.happened(life.name, hasFailed ? "run failed" : "run ended well");
    life.end();
    this.#life = null;
    clock.after(this.#awayMs, () => this.start());
  }

  async #run(engine: Engine, life: Life): Promise<boolean> {
    const { scenario, chronicle } = this.#world;
    try {
      await engine.run({
        stop: life.stop.signal,
        abort: life.abort.signal,
        emptyConfirmations: scenario.untilEmpty ? EMPTY_CONFIRMATIONS : null,
      });
      if (!scenario.untilEmpty && !life.stop.signal.aborted && !life.abort.signal.aborted)
        chronicle.break(`${life.name} ended by itself`);
      return false;
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      if (error.retryable && !life.stop.signal.aborted && !scenario.untilEmpty)
        chronicle.break(`${life.name} gave up on what passes: ${error.code}`);
      if (error.code.startsWith("database.") && !scenario.untilEmpty && !life.stop.signal.aborted)
        chronicle.break(`${life.name} ended for a fault that is not mended by another start: ${error.code}`);
      chronicle.note(life.name, `failed: ${error.code}`);
      return true;
    }
  }

  /** However a run ends, what it received is settled or given back, unless an abort forbade it or a fault prevented it. */
  #checkNothingHidden(life: Life): void {
    if (life.mayLeaveHidden) return;
    for (const [id, receipt] of life.receipts) {
      if (life.unreadable.has(id)) continue;
      const allowedMs = Math.max(CORRUPT_DELAY_MS, life.releasedMs.get(id) ?? 0);
      if (this.#sqs.hiddenMs(receipt) > allowedMs)
        this.#world.chronicle.break(`${life.name} ended and left ${id} hidden`);
    }
  }
}
