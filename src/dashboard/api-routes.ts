import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Clock } from "../pipeline/contracts.ts";
import type { RunAction, DashboardData } from "./dashboard-data.ts";
import { DuplicatesCache } from "./duplicates-cache.ts";
import type { DashboardEnv } from "./guard.ts";
import type { LiveFeed } from "./live-feed.ts";
import { RequestRefusal, readActionRequest, readQuarantineQuery } from "./read-request.ts";

const BODY_BYTES_MAX = 64 * 1024;

export interface ApiOptions {
  readonly data: DashboardData;
  readonly feed: LiveFeed;
  readonly clock: Clock;
  /** Fires when the dashboard closes. */
  readonly closing: AbortSignal;
}

/** What the pages ask for; see api.ts. */
export function apiRoutes({ data, feed, clock, closing }: ApiOptions): Hono<DashboardEnv> {
  const duplicates = new DuplicatesCache((column) => data.duplicates(column, closing), clock);
  let isActing = false;

  async function act(context: Context<DashboardEnv>, action: RunAction | null, name: string): Promise<Response> {
    if (action === null) throw notAllowed(name);
    const request = readActionRequest(await context.req.text());
    if (isActing) {
      throw new RequestRefusal(409, "another replay or discard is at work", "Wait until it has ended, then try again.");
    }
    isActing = true;
    try {
      return context.json(await action(request, closing));
    } finally {
      isActing = false;
    }
  }

  return new Hono<DashboardEnv>()
    .get("/stream", ({ env }) => {
      // For proxies that would hold it back.
      const headers = { "content-type": "text/event-stream", "x-accel-buffering": "no" };
      // Whoever asks for the headers alone is no viewer.
      if (env.incoming.method === "HEAD") return new Response(null, { headers });
      const stream = feed.open(() => env.outgoing.destroy());
      if (stream === null) throw new RequestRefusal(503, "too many pages watch already", "Close some of them.");
      return new Response(stream, { headers });
    })
    .get("/quarantine", async (context) =>
      context.json(await data.quarantine(readQuarantineQuery(context.req.query()))),
    )
    .get("/duplicates", async (context) => {
      const column = context.req.query("column") ?? "";
      if (!data.duplicateColumns.includes(column)) {
        throw new RequestRefusal(400, `column must be one of ${data.duplicateColumns.join(", ")}`);
      }
      return context.json(await duplicates.get(column));
    })
    .get("/config", (context) => context.json(data.config()))
    .use(
      bodyLimit({
        maxSize: BODY_BYTES_MAX,
        onError: () => {
          throw new RequestRefusal(413, "the body has more than 64 KiB", "Choose fewer events, or all of one reason.");
        },
      }),
    )
    .post("/quarantine/replay", (context) => act(context, data.replay, "replay"))
    .post("/quarantine/discard", (context) => act(context, data.discard, "discard"));
}

const notAllowed = (action: string): RequestRefusal =>
  new RequestRefusal(
    403,
    `this dashboard may not ${action}`,
    action === "replay"
      ? "Start it with --dashboard-actions and --private-file, or use `piipe quarantine replay`."
      : "Start it with --dashboard-actions, or use `piipe quarantine discard`.",
  );
