import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PiipeError } from "../errors.ts";
import { keepConnections } from "../keep-connections.ts";
import type { Monitored } from "./worker-monitor.ts";

export interface ListenAddress {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export interface MetricsListener {
  /** Where it listens, such as `http://127.0.0.1:9464`. */
  readonly url: string;
  /** Cuts what is under way. Safe twice. */
  readonly close: () => Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly allow?: string;
}

const JSON_TYPE = "application/json; charset=utf-8";
const TEXT_TYPE = "text/plain; charset=utf-8";
/** The version that Prometheus has spoken since 2014. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Whoever is slower than this, at asking or at reading, is cut off: nobody can hold up the others. */
const PATIENCE_MS = 5_000;
const CONNECTIONS_MAX = 64;
const HEADER_BYTES_MAX = 8_192;

/**
 * Serves `/metrics`, `/healthz` and `/readyz`, to whoever asks and by whatever name: they hold counts, codes and names of
 * the configuration only.
 * @throws {PiipeError} `metrics.address`
 */
export async function openMetricsListener(at: ListenAddress, monitored: Monitored): Promise<MetricsListener> {
  const server = createServer(
    {
      headersTimeout: PATIENCE_MS,
      requestTimeout: PATIENCE_MS,
      keepAliveTimeout: PATIENCE_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    (request, response) => {
      answer(request, monitored).then(
        (reply) => send(reply, request, response),
        // Whatever is wrong with the metrics: the pipeline is worth more.
        () => response.destroy(),
      );
    },
  );
  keepConnections(server, CONNECTIONS_MAX);
  server.setTimeout(PATIENCE_MS);
  await listen(server, at);
  const { address, family, port } = server.address() as AddressInfo;
  let closing: Promise<void> | null = null;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    close: () => (closing ??= close(server)),
  };
}

function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen({ host, port }, error)));
    server.listen({ host, port }, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(request: IncomingMessage, monitored: Monitored): Promise<Reply> {
  const [path] = (request.url ?? "").split("?", 1);
  if (path !== "/metrics" && path !== "/healthz" && path !== "/readyz") {
    return { status: 404, type: TEXT_TYPE, body: "there are /metrics, /healthz and /readyz\n" };
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, type: TEXT_TYPE, body: "only GET and HEAD\n", allow: "GET, HEAD" };
  }
  switch (path) {
    case "/metrics":
      return { status: 200, type: METRICS_TYPE, body: await monitored.metrics() };
    case "/healthz":
      // That the event loop has come so far is the whole answer.
      return { status: 200, type: JSON_TYPE, body: '{"alive":true}\n' };
    case "/readyz": {
      const readiness = monitored.readiness();
      return { status: readiness.ready ? 200 : 503, type: JSON_TYPE, body: `${JSON.stringify(readiness)}\n` };
    }
  }
}

function send({ status, type, body, allow }: Reply, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(allow === undefined ? {} : { allow }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function cannotListen({ host, port }: ListenAddress, error: NodeJS.ErrnoException): PiipeError {
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const reasons: Readonly<Record<string, readonly [what: string, hint: string]>> = {
    EADDRINUSE: ["is taken by another program", "Give another port, or end what listens there."],
    EACCES: ["may not be used by this user", "Give a port from 1024 up."],
    EADDRNOTAVAIL: [
      "is no address of this machine",
      "Give one that is, such as 127.0.0.1, or 0.0.0.0 for all of them.",
    ],
    ENOTFOUND: ["is no known name", "Give an address of this machine, such as 127.0.0.1."],
  };
  const [what, hint] = reasons[error.code ?? ""] ?? ["cannot be used", "Give another host and port."];
  return new PiipeError("metrics.address", `${place} ${what}`, { hint, cause: error });
}
