import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import type { Access } from "./access.ts";
import { RequestRefusal } from "./read-request.ts";

export type DashboardEnv = { Bindings: HttpBindings };

export interface GuardOptions {
  /** null: everybody on this machine may come in. */
  readonly access: Access | null;
  /**
   * The names by which a browser may call the dashboard, in lower case. A page of another site, whose name was pointed to
   * this address (DNS rebinding), calls it by its own. null: by any name, which takes a token: a page under such a name
   * has none, as the browser keeps the cookie for the name that the person used.
   */
  readonly hostNames: ReadonlySet<string> | null;
}

/** Lets a request in, or says why not. The first that sees it. */
export function guard({ access, hostNames }: GuardOptions): MiddlewareHandler<DashboardEnv> {
  if (access === null && hostNames === null) throw new Error("neither a token nor a name would protect the dashboard");
  return async (context, next) => {
    checkHost(context, hostNames);
    checkOrigin(context);
    if (access !== null) {
      const opened = openWithQuery(context, access);
      if (opened !== null) return opened;
      checkAccess(context, access);
    }
    return next();
  };
}

const portOf = (context: Context<DashboardEnv>): number => context.env.incoming.socket.localPort ?? 0;

function checkHost(context: Context<DashboardEnv>, hostNames: ReadonlySet<string> | null): void {
  const { headers, url } = context.env.incoming;
  const host = headers.host?.toLowerCase() ?? "";
  // A request for a whole URL, as to a proxy, brings a host of its own.
  const isPath = url?.startsWith("/") === true;
  if (isPath && /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d+)?$/.test(host)) {
    if (hostNames === null) return;
    const port = portOf(context);
    const names = [...hostNames];
    if (names.some((name) => host === `${name}:${port}` || (port === 80 && host === name))) return;
  }
  throw new RequestRefusal(
    403,
    "the dashboard is not called by this name",
    `Open it as piipe printed it: http://127.0.0.1:${portOf(context)}/ on the machine that runs it. For a tunnel, use the same port at both ends.`,
  );
}

/** Requests that the page of another site makes a browser send. */
function checkOrigin(context: Context<DashboardEnv>): void {
  const { req } = context;
  const { method, headers } = context.env.incoming;
  const site = req.header("sec-fetch-site");
  const isRead = method === "GET" || method === "HEAD";
  if (isRead) {
    // A link to the page may stand anywhere; what the page asks for is for the page alone.
    const isForPage = req.path.startsWith("/api/");
    if (isForPage && site !== undefined && site !== "same-origin" && site !== "none") throw crossSite();
    return;
  }
  if (method !== "POST") throw new RequestRefusal(405, "the dashboard takes GET, HEAD and POST only");
  if (site !== undefined && site !== "same-origin") throw crossSite();
  if (!isSameOrigin(req.header("origin") ?? "", headers.host ?? "")) throw crossSite();
  const [type = ""] = (req.header("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    throw new RequestRefusal(415, "the content type must be application/json");
  }
}

/** The scheme is not compared: behind a proxy that speaks TLS the browser's is another. */
function isSameOrigin(origin: string, host: string): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  const own = `${protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === originHost;
}

const crossSite = (): RequestRefusal => new RequestRefusal(403, "the request comes from the page of another site");

/** `/?token=…`, once: from then on the browser has a cookie, and no address bar or history shows the token. */
function openWithQuery(context: Context<DashboardEnv>, access: Access): Response | null {
  const { req } = context;
  const given = req.method === "GET" && req.path === "/" ? req.query("token") : undefined;
  if (given === undefined) return null;
  if (!access.isToken(given)) throw noAccess("the token is wrong");
  context.header("set-cookie", access.cookie(portOf(context)));
  return context.redirect("/", 303);
}

function checkAccess({ req, env }: Context<DashboardEnv>, access: Access): void {
  const port = env.incoming.socket.localPort ?? 0;
  if (access.hasCookie(req.header("cookie") ?? "", port)) return;
  const authorization = req.header("authorization");
  if (authorization === undefined) throw noAccess("the dashboard needs its token");
  if (!access.hasBearer(authorization)) throw noAccess("the token is wrong");
}

const noAccess = (message: string): RequestRefusal =>
  new RequestRefusal(
    401,
    message,
    "Open the address that piipe printed when it started, which ends with /?token=… , or add ?token= and the value of " +
      "PIIPE_DASHBOARD_TOKEN to this one. A program sends the header Authorization: Bearer and the token.",
  );
