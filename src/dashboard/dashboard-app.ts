import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Trouble } from "../app/snapshot.ts";
import { type ErrorCode, PiipeError } from "../errors.ts";
import { type ApiOptions, apiRoutes } from "./api-routes.ts";
import type { ErrorReply } from "./api.ts";
import type { ClientFile } from "./client-files.ts";
import { type DashboardEnv, type GuardOptions, guard } from "./guard.ts";
import { plainPage, securityHeaders } from "./plain-page.ts";
import { RequestRefusal } from "./read-request.ts";

export interface AppOptions extends ApiOptions, GuardOptions {
  readonly files: ReadonlyMap<string, ClientFile>;
  readonly reportBug: (error: unknown) => void;
}

/** Every request goes through the guard first; every reply gets the headers. */
export function dashboardApp(options: AppOptions): Hono<DashboardEnv> {
  const { files, reportBug } = options;
  const app = new Hono<DashboardEnv>();
  app.use(securityHeaders);
  app.use(guard(options));
  app.route("/api", apiRoutes(options));
  app.get("*", (context) => {
    const file = files.get(context.req.path);
    if (file === undefined) throw files.has("/") || context.req.path !== "/" ? notFound() : notBuilt();
    return context.body(file.bytes, 200, { "content-type": file.type, "cache-control": file.cacheControl });
  });
  app.notFound(() => {
    throw notFound();
  });
  app.onError((error, context) => {
    // A browser that goes away while it sends is no bug.
    const isCut = error === context.env.incoming.errored;
    if (!isCut && !(error instanceof PiipeError)) reportBug(error);
    const { status, trouble } = answerTo(error);
    if (context.req.path.startsWith("/api/")) return context.json<ErrorReply>({ error: trouble }, status);
    return context.html(plainPage(trouble), status);
  });
  return app;
}

interface ErrorAnswer {
  readonly status: ContentfulStatusCode;
  readonly trouble: Trouble;
}

function answerTo(error: unknown): ErrorAnswer {
  if (!(error instanceof PiipeError)) return { status: 500, trouble: BUG };
  const { code, message, hint } = error;
  const status = error instanceof RequestRefusal ? error.status : statusOf(code);
  return { status, trouble: { code, message, hint } };
}

function statusOf(code: ErrorCode): ContentfulStatusCode {
  const [area] = code.split(".", 1);
  if (area === "usage") return 400;
  return area === "database" || area === "queue" || area === "interrupted" ? 503 : 500;
}

/** What else is known of it is for the log alone. */
const BUG: Trouble = {
  code: "dashboard.failed",
  message: "the dashboard met a bug; the pipeline goes on",
  hint: "The output of piipe has the lines to report.",
};

const notFound = (): RequestRefusal => new RequestRefusal(404, "there is no such page");

const notBuilt = (): RequestRefusal =>
  new RequestRefusal(
    503,
    "the pages of the dashboard were not built",
    "In a working tree of piipe: npm run build. The package from the registry has them.",
  );
