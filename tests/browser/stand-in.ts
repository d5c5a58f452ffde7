import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import type { Snapshot, Trouble } from "../../src/app/snapshot.ts";
import type {
  ActionReport,
  ConfigPage,
  DuplicatesPage,
  Hello,
  QuarantinePage,
  Sample,
} from "../../src/dashboard/api.ts";
import { readClientFiles } from "../../src/dashboard/client-files.ts";
import { securityHeaders } from "../../src/dashboard/plain-page.ts";
import { until } from "../support/until.ts";
import { EMPTY, NOW_MS, QUIET_SAMPLE, helloOf } from "./snapshots.ts";

const CLIENT_FOLDER = fileURLToPath(new URL("../../dist/dashboard/client/", import.meta.url));
const TICK_MS = 1_000;

/** What the stand-in answers; a test changes it as it goes. */
export interface Script {
  hello: Hello;
  snapshot: Snapshot;
  sample: Sample;
  quarantine: QuarantinePage;
  duplicates: (column: string) => DuplicatesPage;
  configuration: ConfigPage;
  report: ActionReport;
  /** What every question is answered with but the stream; null: they are answered. */
  failure: Trouble | null;
}

export interface Asked {
  readonly path: string;
  readonly body: unknown;
}

/** Serves the built pages and scripted answers, with the real server's headers. */
export interface StandIn {
  readonly url: string;
  readonly script: Script;
  /** The POSTs that came. */
  readonly asked: readonly Asked[];
  /** Sends a tick to everybody who watches, once somebody does; it also does each second by itself. */
  tick(change?: Partial<Pick<Script, "snapshot" | "sample">>): Promise<void>;
  /** Ends every stream, and opens none until `answer`. */
  fallSilent(): void;
  answer(): void;
  close(): Promise<void>;
}

export async function startStandIn(script: Partial<Script> = {}): Promise<StandIn> {
  const state: Script = {
    hello: helloOf({ replay: false, discard: false }),
    snapshot: EMPTY,
    sample: QUIET_SAMPLE,
    quarantine: { reasons: [], entries: [] },
    duplicates: (column) => ({ column, duplicates: [], valuesFound: 0, rowsFound: 0 }),
    configuration: { yaml: "name: logins\n", warnings: [] },
    report: { events: 1, done: 1, skipped: 0, duplicate: 0, refused: 0, unopened: 0 },
    failure: null,
    ...script,
  };
  const files = await readClientFiles(CLIENT_FOLDER);
  const { headers } = await new Hono().use(securityHeaders).request("/");
  const streams = new Set<ServerResponse>();
  const asked: Asked[] = [];
  let isSilent = false;
  let atMs = NOW_MS;

  const server = createServer((request, response) => {
    response.setHeaders(headers);
    void answerTo(request, response);
  });

  async function answerTo(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/api/stream") return stream(response);
    if (state.failure !== null && pathname.startsWith("/api/")) {
      response.statusCode = 503;
      return json(response, { error: state.failure });
    }
    if (request.method === "POST") {
      asked.push({ path: pathname, body: JSON.parse(await textOf(request)) as unknown });
      return json(response, state.report);
    }
    if (pathname === "/api/quarantine") return json(response, quarantineFor(state.quarantine, searchParams));
    if (pathname === "/api/duplicates") return json(response, state.duplicates(searchParams.get("column") ?? ""));
    if (pathname === "/api/config") return json(response, state.configuration);
    const file = files.get(pathname);
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": file.type }).end(file.bytes);
  }

  function stream(response: ServerResponse): void {
    if (isSilent) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    streams.add(response);
    response.on("close", () => streams.delete(response));
    send(response, "hello", state.hello);
    send(response, "tick", { snapshot: state.snapshot, sample: { ...state.sample, atMs } });
  }

  function sendTick(): void {
    atMs += TICK_MS;
    for (const response of streams) {
      send(response, "tick", { snapshot: state.snapshot, sample: { ...state.sample, atMs } });
    }
  }
  // As the real server: a page that hears nothing takes the connection for lost.
  const ticking = setInterval(sendTick, TICK_MS);

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    script: state,
    asked,
    async tick(change = {}) {
      Object.assign(state, change);
      await until("somebody watches", () => streams.size > 0);
      sendTick();
    },
    fallSilent() {
      isSilent = true;
      for (const response of streams) response.destroy();
    },
    answer() {
      isSilent = false;
    },
    async close() {
      clearInterval(ticking);
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function quarantineFor({ reasons, entries }: QuarantinePage, query: URLSearchParams): QuarantinePage {
  const state = query.get("state") ?? "pending";
  const code = query.get("code");
  const isMeant = (entry: QuarantinePage["entries"][number]): boolean =>
    (state === "all" || entry.state === state) && (code === null || entry.code === code);
  return { reasons: state === "pending" || state === "all" ? reasons : [], entries: entries.filter(isMeant) };
}

function send(response: ServerResponse, event: string, data: unknown): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function json(response: ServerResponse, body: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
  return text;
}
