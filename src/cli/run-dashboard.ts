import { hostname } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ObserverOptions } from "../app/open-observer.ts";
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { type ListenPlace, resolveListenPlace } from "../dashboard/listen-place.ts";
import { openDashboardData } from "../dashboard/open-dashboard-data.ts";
import { serveDashboard } from "../dashboard/serve-dashboard.ts";
import { loadPrivateKey } from "../keys/keyring-file.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import type { LiveWorker } from "../storage/workers.ts";
import { reportOf } from "../telemetry/error-report.ts";
import { createLineWriter, createLog } from "../telemetry/log.ts";
import type { ListenAddress } from "../telemetry/metrics-listener.ts";
import { dashboardToken } from "./dashboard-token.ts";
import { printReport } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** As the command line gives them. */
export interface DashboardArguments {
  readonly at: ListenAddress;
  /** Whether a viewer may discard events and, with the private file, replay them. */
  readonly allowsActions: boolean;
  /** Where the private key is; null: it is not given. */
  readonly privateFile: string | null;
}

export interface DashboardParts extends Omit<DashboardArguments, "privateFile"> {
  readonly config: Config;
  readonly keysJson: string | undefined;
  /** Only for the demo's local queue; null: the standard AWS chain. */
  readonly credentials: ObserverOptions["credentials"];
  readonly privateKey: PrivateKey | null;
  /** Whether a token that has to be made may be shown. */
  readonly canShowToken: boolean;
  /** Cuts what is under way. */
  readonly abort: AbortSignal;
}

export interface RunDashboard {
  /** To be opened in a browser. With the token when it was made here, so that nobody else knows it. */
  readonly url: string;
  /** Called by whoever runs workers, once they are there. */
  watch(ownWorkers: () => readonly LiveWorker[]): void;
  /** Throws nothing. */
  close(): Promise<void>;
}

/** Beside the compiled server; see tools/build-client.mjs. */
const CLIENT_FOLDER = fileURLToPath(new URL("../dashboard/client/", import.meta.url));

/**
 * The dashboard of a run. It listens before the pipeline opens, so that a start that takes long can be watched.
 * @throws {PiipeError} as `openDashboard`; `keys.*` when the private file will not do
 */
export async function openRunDashboard(
  config: Config,
  { privateFile, ...options }: DashboardArguments,
  abort: AbortSignal,
  terminal: Terminal,
): Promise<RunDashboard> {
  const privateKey = privateFile === null ? null : await loadPrivateKey(resolve(terminal.folder, privateFile));
  const keysJson = terminal.environment["PIIPE_KEYS"];
  const dashboard = await openDashboard(
    { ...options, config, keysJson, credentials: null, privateKey, canShowToken: terminal.isInteractive, abort },
    terminal,
  );
  const { url } = dashboard;
  const format = terminal.isInteractive ? "text" : "json";
  // Whatever the log's level is: nobody could guess the token.
  const writeLine = createLineWriter({ write: terminal.writeError, format, level: "info" });
  writeLine("info", `dashboard at ${url}`, { type: "dashboard.listening", url });
  return dashboard;
}

/** @throws {PiipeError} `usage.invalid` without a token that is needed, `dashboard.address` */
export async function openDashboard(options: DashboardParts, terminal: Terminal): Promise<RunDashboard> {
  const { at, allowsActions, canShowToken } = options;
  const place = await resolveListenPlace(at);
  const token = dashboardToken(terminal.environment, place, { allowsActions, canShow: canShowToken });
  let workers: () => readonly LiveWorker[] = () => [];
  const opened = openDashboardData({
    ...options,
    ownWorkers: () => workers(),
    emit: createLog({
      write: terminal.writeError,
      format: terminal.isInteractive ? "text" : "json",
      level: "warn",
    }),
  });
  try {
    const dashboard = await serveDashboard({
      data: opened.data,
      place,
      token: token?.value ?? null,
      clientFolder: CLIENT_FOLDER,
      clock: systemClock,
      reportBug: reportOnce(terminal),
    });
    return {
      url: `http://${hostOf(at, place)}:${dashboard.port}/${token?.isNew === true ? `?token=${token.value}` : ""}`,
      watch(ownWorkers) {
        workers = ownWorkers;
      },
      async close() {
        // Together: a read of a database that does not answer is cut by the end of its connection.
        await Promise.all([dashboard.close(), opened.close()]);
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What is wrong each second is said once. */
function reportOnce(terminal: Terminal): (error: unknown) => void {
  const known = new Set<string | null>();
  return (error) => {
    const report = reportOf(error);
    if (known.has(report.hint)) return;
    known.add(report.hint);
    printReport(report, terminal);
  };
}

/** What a browser can open: `0.0.0.0` and `::` are all addresses of this machine, and none. */
function hostOf({ host }: ListenAddress, { address }: ListenPlace): string {
  if (address === "0.0.0.0" || address === "::") return hostname();
  return host.includes(":") ? `[${host}]` : host;
}
