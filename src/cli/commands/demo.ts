import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { migrateDatabase } from "../../app/migrate-database.ts";
import { openDatabase } from "../../app/open-database.ts";
import { openPipeline } from "../../app/open-pipeline.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import { readSampleEvents, SAMPLE_CONFIG_FILE, SAMPLE_TABLE_FILE } from "../../embedded/sample-events.ts";
import { type EmbeddedSqs, startSqs } from "../../embedded/sqs.ts";
import { PiipeError } from "../../errors.ts";
import { createKeys, type NewKeys } from "../../keys/create-keys.ts";
import { PrivateKey } from "../../keys/private-key.ts";
import type { Totals } from "../../pipeline/totals.ts";
import { createLog } from "../../telemetry/log.ts";
import { printFindings } from "../demo-findings.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf } from "../exit-codes.ts";
import { printError, reportOf } from "../print-error.ts";
import { ProgressBar } from "../progress-bar.ts";
import { type DashboardParts, openDashboard, type RunDashboard } from "../run-dashboard.ts";
import { listenForStop, type StopSignals } from "../stop-signals.ts";
import { styler, type Terminal } from "../terminal.ts";

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
    summary = { sent, ...(await land(config, keys.keyring, sent, terminal, signals)) };
    if (!options.json) await printFindings(config, summary, options.serve, terminal);
    if (options.serve) await serve(config, keys, servers, terminal, signals);
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
    source: { sqs: { ...config.source.sqs, queue: queueUrl } },
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

async function land(
  config: Config,
  keysJson: string,
  sent: number,
  terminal: Terminal,
  signals: StopSignals,
): Promise<Totals & { readonly elapsedMs: number }> {
  stopHere(signals);
  const bar = new ProgressBar(terminal, "events");
  let landedMs = 0;
  const pipeline = await openPipeline(config, {
    keysJson,
    untilEmpty: true,
    credentials: CREDENTIALS,
    stop: signals.stop,
    process: { pid: terminal.pid, number: null },
    emit: (event) => {
      if (event.type === "batch.written") bar.update(pipeline.totals.stored + pipeline.totals.quarantined, sent);
      if (event.type === "deliveries.settled") landedMs = performance.now() - startedMs;
    },
  });
  const startedMs = performance.now();
  try {
    const totals = await pipeline.run(signals);
    const elapsedMs = Math.round(performance.now() - startedMs);
    bar.finish(totals.stored + totals.quarantined);
    done(
      terminal,
      `${totals.stored} stored, ${totals.quarantined} quarantined, ${totals.deleted} deleted from the queue`,
      // Not the time that it takes to be sure that the queue is empty.
      landedMs,
    );
    return { ...totals, elapsedMs };
  } finally {
    await pipeline.close();
  }
}

async function serve(
  config: Config,
  { keyring: keysJson, privateKey }: NewKeys,
  { postgres, sqs }: Servers,
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
  try {
    await servePipeline(config, keysJson, dashboard, { postgres, sqs }, terminal, signals);
  } finally {
    await dashboard.close();
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

async function servePipeline(
  config: Config,
  keysJson: string,
  dashboard: RunDashboard,
  { postgres, sqs }: Pick<Servers, "postgres" | "sqs">,
  terminal: Terminal,
  signals: StopSignals,
): Promise<void> {
  const emit = createLog({ write: terminal.writeError, format: "text", level: "info" });
  const pipeline = await openPipeline(config, {
    keysJson,
    untilEmpty: false,
    credentials: CREDENTIALS,
    stop: signals.stop,
    process: { pid: terminal.pid, number: null },
    emit,
  });
  dashboard.watch(() => [pipeline.worker()]);
  const spareQueueUrl = await sqs.createQueue(SPARE_QUEUE, { VisibilityTimeout: "30" });
  const message = JSON.stringify({ QueueUrl: spareQueueUrl, MessageBody: (await readSampleEvents())[0] });
  terminal.writeError(
    `\nDashboard:  ${styler(terminal.isInteractive, terminal.environment)(["bold", "underline"], dashboard.url)}\n` +
      "\nEverything stays up until Ctrl-C. Look around:\n" +
      `  psql '${postgres.url}' -c 'select * from user_logins limit 5'\n` +
      `For a pipeline of your own, in another terminal, with the empty queue ${SPARE_QUEUE} and a table of its own:\n` +
      `  export DATABASE_URL='${postgres.url}' AWS_ENDPOINT_URL_SQS=${sqs.endpoint} \\\n` +
      `    AWS_REGION=${sqs.region} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n` +
      `Send an event to ${SPARE_QUEUE} (or, with ${QUEUE} in its place, to the pipeline that runs here):\n` +
      `  curl -s ${sqs.endpoint} -H 'x-amz-target: AmazonSQS.SendMessage' \\\n` +
      `    -H 'content-type: application/x-amz-json-1.0' -d '${message}'\n\n`,
  );
  try {
    await pipeline.run(signals);
  } finally {
    await pipeline.close();
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
