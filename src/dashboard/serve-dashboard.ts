import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { PiipeError } from "../errors.ts";
import { keepConnections } from "../keep-connections.ts";
import type { Clock } from "../pipeline/contracts.ts";
import { Access } from "./access.ts";
import { readClientFiles } from "./client-files.ts";
import { dashboardApp } from "./dashboard-app.ts";
import type { DashboardData } from "./dashboard-data.ts";
import type { ListenPlace } from "./listen-place.ts";
import { LiveFeed } from "./live-feed.ts";

export interface DashboardOptions {
  readonly data: DashboardData;
  readonly place: ListenPlace;
  /** null: whoever reaches the address may come in, which must be of this machine alone. */
  readonly token: string | null;
  /** The built pages. */
  readonly clientFolder: string;
  readonly clock: Clock;
  /** Called for what should not happen; the dashboard goes on. */
  readonly reportBug: (error: unknown) => void;
}

export interface Dashboard {
  readonly port: number;
  /** Ends streams and actions. Safe twice. Throws nothing. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 100;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_BYTES_MAX = 16 * 1024;

/** @throws {PiipeError} `dashboard.address` when it cannot listen */
export async function serveDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { data, place, token, clientFolder, clock, reportBug } = options;
  const closing = new AbortController();
  const feed = new LiveFeed({ data, clock, reportBug });
  const app = dashboardApp({
    data,
    feed,
    clock,
    closing: closing.signal,
    access: token === null ? null : new Access(token, clock),
    hostNames: place.isLoopback ? new Set(["localhost", "127.0.0.1", "[::1]", ...place.names]) : null,
    files: await readClientFiles(clientFolder),
    reportBug,
  });
  // The globals of a process that does other work as well stay as they are.
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: HEADERS_TIMEOUT_MS,
      maxHeaderSize: HEADERS_BYTES_MAX,
    },
    (request, response) => void answer(request, response).catch(reportBug),
  );
  keepConnections(server, CONNECTIONS_MAX);
  await listen(server, place);
  server.on("error", reportBug);
  const feeding = feed.run();
  let closed: Promise<void> | null = null;
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      closed ??= (async () => {
        closing.abort();
        feed.close();
        const ended = once(server, "close");
        server.close();
        server.closeAllConnections();
        await Promise.all([ended, feeding]);
      })();
      return closed;
    },
  };
}

async function listen(server: Server, { address, port }: ListenPlace): Promise<void> {
  try {
    server.listen({ host: address, port, exclusive: true });
    await once(server, "listening");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new PiipeError(
      "dashboard.address",
      `the dashboard cannot listen on ${address}, port ${port}: ${whyOf(code)}`,
      {
        hint: "Give --dashboard another port, or 0 for any that is free.",
        cause: error,
      },
    );
  }
}

function whyOf(code: string): string {
  switch (code) {
    case "EADDRINUSE":
      return "another program does";
    case "EADDRNOTAVAIL":
      return "this machine does not have the address";
    case "EACCES":
      return "the user who runs piipe may not";
    default:
      return code;
  }
}
