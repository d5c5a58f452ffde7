import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { migrateDatabase } from "../../app/migrate-database.ts";
import { openDatabase } from "../../app/open-database.ts";
import { openPipeline } from "../../app/open-pipeline.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import { SAMPLE_CONFIG_FILE, SAMPLE_TABLE_FILE, readSampleEvents } from "../../embedded/sample-events.ts";
import { type EmbeddedSqs, startSqs } from "../../embedded/sqs.ts";
import { PiipeError } from "../../errors.ts";
import { type NewKeys, createKeys } from "../../keys/new-keyring.ts";
import { PrivateKey } from "../../keys/private-key.ts";
import type { Totals } from "../../pipeline/totals.ts";
import { readDemoRows } from "../../storage/demo-rows.ts";
import { reportOf } from "../../telemetry/error-report.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import { createLog } from "../../telemetry/log.ts";
import { type DemoFiles, leaveDemoFiles } from "../demo-files.ts";
import { printFindings } from "../demo-findings.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf, printError } from "../failure.ts";
import { ProgressBar } from "../progress-bar.ts";
import { type DashboardParts, type RunDashboard, openDashboard } from "../run-dashboard.ts";
import { type StopSignals, listenForStop } from "../stop-signals.ts";
import { type Terminal, styler } from "../terminal.ts";

export interface DemoOptions {
  readonly serve: boolean;
  readonly json: boolean;
}

interface Servers {
  readonly postgres: EmbeddedPostgres;
  readonly sqs: EmbeddedSqs;
  readonly queueUrl: string;
}

const QUEUE = "login-queue";
/** Left to the user: a second pipeline on the demo's own queue would share its messages. */
const SPARE_QUEUE = "my-queue";
const DASHBOARD_PORT = 4780;
const DRAIN_TIMEOUT_MS = 10_000;
const ID_SHOWN_CHARS = 8;
/** The local queue checks no signature, but requests carry one all the same. */
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };

/** The first minute: real servers, the sample events, the pipeline as `run` runs it, and what it made of them. */
export async function demoCommand(options: DemoOptions, terminal: Terminal): Promise<ExitCode> {
  const signals = listenForStop(terminal, DRAIN_TIMEOUT_MS);
  const cleanup: Array<() => Promise<void>> = [];
  let summary: DemoSummary = {
    sent: 0,
    received: 0,
    stored: 0,
    skipped: 0,
    duplicate: 0,
    quarantined: 0,
    left: 0,
    deleted: 0,
    elapsedMs: 0,
  };
  let failure: unknown = null;
  try {
    const servers = await startServers(terminal, signals, cleanup);
    const config = await demoConfig(servers);
    const sent = await prepare(config, servers, terminal, signals);
    const keys = createKeys(new Date());
    const show = async (landed: Landed): Promise<void> => {
      summary = { sent, ...landed };
      if (!options.json) await printFindings(config, summary, options.serve, terminal);
    };
    if (options.serve) await serve(config, keys, { ...servers, sent }, show, terminal, signals);
    else await show(await land(config, keys.keyring, sent, terminal, signals));
  } catch (error) {
    failure = error;
  } finally {
    // One that does not stop must not keep the others up.
    const stops = await Promise.allSettled(cleanup.map((stopServer) => stopServer()));
    failure ??= stops.find((stopped) => stopped.status === "rejected")?.reason ?? null;
    signals.close();
  }
  // Ctrl-C is an answer to everything, also to what it made fail.
  if (signals.received() !== null) {
    const isEarlyStop = failure === null || (failure instanceof PiipeError && failure.code === "interrupted");
    if (!options.serve) failure = interrupted();
    else if (isEarlyStop) failure = null;
  }
  if (failure !== null) printError(failure, terminal);
  if (options.json) {
    const outcome = failure === null ? {} : { error: reportOf(failure) };
    terminal.writeOut(`${JSON.stringify({ ...summary, ...outcome })}\n`);
  }
  return failure === null ? EXIT_CODES.done : exitCodeOf(failure);
}

export interface DemoSummary extends Totals {
  /** Events sent to the queue. */
  readonly sent: number;
  readonly elapsedMs: number;
}

async function startServers(
  terminal: Terminal,
  signals: StopSignals,
  cleanup: Array<() => Promise<void>>,
): Promise<Servers> {
  step(terminal, "starting PostgreSQL and an SQS-compatible queue on this machine");
  const startedMs = performance.now();
  const [postgres, sqs] = await Promise.allSettled([startPostgres(), startSqs()]);
  for (const server of [postgres, sqs]) {
    if (server.status === "fulfilled") cleanup.push(() => server.value.stop());
  }
  if (postgres.status === "rejected") throw postgres.reason;
  if (sqs.status === "rejected") throw sqs.reason;
  stopHere(signals);
  const queueUrl = await sqs.value.createQueue(QUEUE, { VisibilityTimeout: "30" });
  done(terminal, `PostgreSQL ${postgres.value.version} and the queue are up`, performance.now() - startedMs);
  return { postgres: postgres.value, sqs: sqs.value, queueUrl };
}

/** The example's own configuration, pointed at the local servers; the keys exist only as long as the demo. */
async function demoConfig({ postgres, sqs, queueUrl }: Servers): Promise<Config> {
  const config = await loadConfig(fileURLToPath(SAMPLE_CONFIG_FILE), {
    DATABASE_URL: postgres.url,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_REGION: sqs.region,
  });
  return {
    ...config,
    source: { ...config.source, sqs: { ...config.source.sqs, queue: queueUrl } },
    keys: { ...config.keys, file: null },
  };
}

async function prepare(
  config: Config,
  { sqs, queueUrl }: Servers,
  terminal: Terminal,
  signals: StopSignals,
): Promise<number> {
  const pool = openDatabase(config);
  try {
    await pool.query("creating the sample table", await readFile(SAMPLE_TABLE_FILE, "utf8"));
    await migrateDatabase(config, pool);
  } finally {
    await pool.close();
  }
  stopHere(signals);
  const events = await readSampleEvents();
  await sqs.send(queueUrl, events);
  done(terminal, `${events.length} login events sent to ${QUEUE}`, null);
  return events.length;
}

type Landed = Totals & { readonly elapsedMs: number };

async function land(
  config: Config,
  keysJson: string,
  sent: number,
  terminal: Terminal,
  signals: StopSignals,
): Promise<Landed> {
  stopHere(signals);
  const landing = new Landing(sent, terminal);
  const pipeline = await openPipeline(config, {
    ...pipelineOptions(keysJson, terminal, signals),
    untilEmpty: true,
    emit: (event) => landing.look(event, pipeline.totals),
  });
  try {
    landing.begin();
    return landing.end(await pipeline.run(signals));
  } finally {
    await pipeline.close();
  }
}

const pipelineOptions = (keysJson: string, { pid }: Terminal, { stop }: StopSignals) => ({
  keysJson,
  credentials: CREDENTIALS,
  stop,
  process: { pid, number: null },
});

/** One pipeline lands the sample and stays up: its dashboard shows what it landed. */
async function serve(
  config: Config,
  { keyring: keysJson, privateKey }: NewKeys,
  servers: Servers & { readonly sent: number },
  show: (landed: Landed) => Promise<void>,
  terminal: Terminal,
  signals: StopSignals,
): Promise<void> {
  stopHere(signals);
  const dashboard = await openDemoDashboard(
    {
      config,
      keysJson,
      credentials: CREDENTIALS,
      allowsActions: true,
      privateKey: PrivateKey.parse(privateKey, "the demo's private key"),
      // Also in a file: it opens the demo's own data, on this machine, until Ctrl-C.
      canShowToken: true,
      abort: signals.abort,
    },
    terminal,
  );
  const files = await leaveDemoFiles(terminal.folder, servers, { keyring: keysJson, privateKey });
  const log = createLog({ write: terminal.writeError, format: "text", level: "info" });
  const landing = new Landing(servers.sent, terminal);
  /** What is logged only when the sample has been shown. */
  let held: TelemetryEvent[] | null = [];
  try {
    const pipeline = await openPipeline(config, {
      ...pipelineOptions(keysJson, terminal, signals),
      untilEmpty: false,
      emit: (event) => {
        if (held === null) return log(event);
        if (event.type === "pipeline.started") held.push(event);
        landing.look(event, pipeline.totals);
      },
    });
    try {
      dashboard.watch(() => [pipeline.worker()]);
      landing.begin();
      const running = pipeline.run(signals);
      await Promise.race([landing.landed, running]);
      await show(landing.end(pipeline.totals));
      if (!signals.stop.aborted) await sayWhatCanBeDone(config, dashboard.url, servers, files, terminal);
      for (const event of held) log(event);
      held = null;
      await running;
    } finally {
      await pipeline.close();
    }
  } finally {
    await Promise.all([dashboard.close(), files?.remove()]);
  }
}

/** Watches how the sample lands. */
class Landing {
  readonly landed: Promise<void>;
  readonly #sent: number;
  readonly #terminal: Terminal;
  readonly #bar: ProgressBar;
  #startedMs = 0;
  #settledMs = 0;
  #resolve: () => void = () => {};

  constructor(sent: number, terminal: Terminal) {
    this.#sent = sent;
    this.#terminal = terminal;
    this.#bar = new ProgressBar(terminal, "events");
    this.landed = new Promise((resolve) => (this.#resolve = resolve));
  }

  begin(): void {
    this.#startedMs = performance.now();
  }

  look(event: TelemetryEvent, { stored, quarantined, deleted }: Readonly<Totals>): void {
    if (event.type === "batch.written") this.#bar.update(stored + quarantined, this.#sent);
    if (event.type !== "deliveries.settled") return;
    this.#settledMs = performance.now() - this.#startedMs;
    if (deleted >= this.#sent) this.#resolve();
  }

  end(totals: Readonly<Totals>): Landed {
    const elapsedMs = Math.round(performance.now() - this.#startedMs);
    this.#bar.finish(totals.stored + totals.quarantined);
    done(
      this.#terminal,
      `${totals.stored} stored, ${totals.quarantined} quarantined, ${totals.deleted} deleted from the queue`,
      // Not the time that it takes to be sure that the queue is empty.
      this.#settledMs,
    );
    return { ...totals, elapsedMs };
  }
}

/** Two demos on one machine are no error. */
async function openDemoDashboard(parts: Omit<DashboardParts, "at">, terminal: Terminal): Promise<RunDashboard> {
  try {
    return await openDashboard({ ...parts, at: { host: "127.0.0.1", port: DASHBOARD_PORT } }, terminal);
  } catch (error) {
    if (!(error instanceof PiipeError) || error.code !== "dashboard.address") throw error;
    const dashboard = await openDashboard({ ...parts, at: { host: "127.0.0.1", port: 0 } }, terminal);
    terminal.writeError(`${DASHBOARD_PORT} is taken: the dashboard is at ${dashboard.url}\n`);
    return dashboard;
  }
}

async function sayWhatCanBeDone(
  config: Config,
  url: string,
  { postgres, sqs }: Servers,
  files: DemoFiles | null,
  terminal: Terminal,
): Promise<void> {
  const spareQueueUrl = await sqs.createQueue(SPARE_QUEUE, { VisibilityTimeout: "30" });
  const message = JSON.stringify({ QueueUrl: spareQueueUrl, MessageBody: (await readSampleEvents())[0] });
  const commands =
    files === null
      ? ""
      : `In another terminal, in this folder (${files.shownFolder}/ is there until then):\n` +
        "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n" +
        `  npx piipe status -c ${files.config}\n` +
        `  npx piipe duplicates -c ${files.config}\n` +
        `  npx piipe quarantine list -c ${files.config}\n` +
        `  npx piipe quarantine show ${await firstRefused(config)} -c ${files.config} \\\n` +
        `    --open --private-file ${files.privateFile} --reason demo\n`;
  terminal.writeError(
    `\nDashboard:  ${styler(terminal.isInteractive, terminal.environment)(["bold", "underline"], url)}\n` +
      "\nEverything stays up until Ctrl-C. Look around.\n" +
      commands +
      "With psql, where it is installed:\n" +
      `  psql '${postgres.url}' -c 'select * from user_logins limit 5'\n` +
      `PostgreSQL's log:\n  ${postgres.logFile}\n` +
      `For a pipeline of your own, in another terminal, with the empty queue ${SPARE_QUEUE} and a table of its own:\n` +
      `  export DATABASE_URL='${postgres.url}' AWS_ENDPOINT_URL_SQS=${sqs.endpoint} \\\n` +
      `    AWS_REGION=${sqs.region} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n` +
      `Send an event to ${SPARE_QUEUE} (or, with ${QUEUE} in its place, to the pipeline that runs here):\n` +
      `  curl -s ${sqs.endpoint} -H 'x-amz-target: AmazonSQS.SendMessage' \\\n` +
      `    -H 'content-type: application/x-amz-json-1.0' -d '${message}'\n\n`,
  );
}

/** As much of its id as the command needs. */
async function firstRefused(config: Config): Promise<string> {
  const pool = openDatabase(config);
  try {
    const { quarantined } = await readDemoRows(pool);
    return quarantined[0]?.["message_id"]?.slice(0, ID_SHOWN_CHARS) ?? "ID";
  } finally {
    await pool.close();
  }
}

function stopHere(signals: StopSignals): void {
  if (signals.stop.aborted) throw interrupted();
}

function interrupted(): PiipeError {
  return new PiipeError("interrupted", "the demo was stopped; its servers and their data are gone");
}

function step(terminal: Terminal, text: string): void {
  if (terminal.isInteractive) terminal.writeError(`${styler(true, terminal.environment)("dim", `· ${text} …`)}\n`);
}

function done(terminal: Terminal, text: string, elapsedMs: number | null): void {
  const style = styler(terminal.isInteractive, terminal.environment);
  const time = elapsedMs === null ? "" : style("dim", ` (${(elapsedMs / 1000).toFixed(1)} s)`);
  terminal.writeError(`${style("green", "✓")} ${text}${time}\n`);
}
