import { openPipeline } from "../../src/app/open-pipeline.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import type { PipelineConfig } from "../../src/config/pipeline-config.ts";
import { createKeys } from "../../src/keys/new-keyring.ts";
import { PrivateKey } from "../../src/keys/private-key.ts";
import { openSealed } from "../../src/keys/seal.ts";
import { bodyContext } from "../../src/pipeline/sealed-delivery.ts";
import type { Totals } from "../../src/pipeline/totals.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { type TestDatabase, createTestDatabase, query } from "./postgres.ts";
import type { TestSqs } from "./sqs.ts";

const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" } as const;

/** A database, a queue and keys, with workers in this process: for tests that need many workers, or what they report. */
export interface InnerPipeline {
  readonly databaseUrl: string;
  readonly queue: { readonly name: string; readonly url: string };
  start(options?: InnerWorkerOptions): InnerWorker;
  /** The bodies in the quarantine, opened: they tell which messages are there. */
  quarantined(): Promise<string[]>;
  remove(): Promise<void>;
}

export interface InnerPipelineOptions {
  /** With piipe's own tables and the table `events`. */
  readonly template: TestDatabase;
  readonly columns: PipelineConfig["columns"];
  readonly queueAttributes?: Readonly<Record<string, string>>;
  readonly batch?: PipelineConfig["batch"];
  /** Default: true. */
  readonly hasKeys?: boolean;
}

export interface InnerWorkerOptions {
  /** Default: true. */
  readonly untilEmpty?: boolean;
  /** Where it finds the queue. Default: the server itself. */
  readonly endpoint?: string;
  /** How it gets to the database. Default: as its owner. */
  readonly databaseUrl?: string;
  /** Hears of what happens as it happens. */
  readonly onEvent?: (event: TelemetryEvent) => void;
}

export interface InnerWorker {
  readonly events: readonly TelemetryEvent[];
  /** Rejects with what stopped the run. */
  readonly ended: Promise<Totals>;
  stop(): void;
  abort(): void;
}

export async function createInnerPipeline(sqs: TestSqs, options: InnerPipelineOptions): Promise<InnerPipeline> {
  const { template, columns, queueAttributes = {}, batch = {}, hasKeys = true } = options;
  const database = await createTestDatabase(template);
  const queue = await sqs.createTestQueue({ VisibilityTimeout: "600", ...queueAttributes });
  const keys = createKeys(new Date());
  const privateKey = PrivateKey.parse(keys.privateKey, "a test's private key");

  async function run(worker: InnerWorkerOptions, emit: (event: TelemetryEvent) => void, signals: Signals) {
    const { untilEmpty = true, endpoint = sqs.endpoint, databaseUrl = database.url } = worker;
    const config = parseConfig(
      {
        source: { sqs: { queue: queue.name, region: sqs.region, endpoint } },
        sink: { postgres: { url: databaseUrl, table: "events" } },
        columns,
        batch,
      },
      { baseFolder: "." },
    );
    const pipeline = await openPipeline(config, {
      keysJson: hasKeys ? keys.keyring : undefined,
      emit,
      untilEmpty,
      credentials: CREDENTIALS,
      stop: signals.stop,
    });
    try {
      return await pipeline.run(signals);
    } finally {
      await pipeline.close();
    }
  }

  return {
    databaseUrl: database.url,
    queue,
    start(workerOptions = {}) {
      const events: TelemetryEvent[] = [];
      const [stop, abort] = [new AbortController(), new AbortController()];
      const { onEvent = () => {} } = workerOptions;
      const emit = (event: TelemetryEvent): void => {
        events.push(event);
        onEvent(event);
      };
      const ended = run(workerOptions, emit, { stop: stop.signal, abort: abort.signal });
      // Whoever waits for it hears of it; it may fail before that.
      ended.catch(() => {});
      return { events, ended, stop: () => stop.abort(), abort: () => abort.abort() };
    },
    async quarantined() {
      const held = await query<{ source: string; id: string; body: Buffer }>(
        database.url,
        "SELECT source, message_id AS id, sealed_body AS body FROM piipe.quarantine",
      );
      return held.map(({ source, id, body }) => openSealed(privateKey, body, bodyContext(id), source));
    },
    remove: () => database.drop(),
  };
}

interface Signals {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}
