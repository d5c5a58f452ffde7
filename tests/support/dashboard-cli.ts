import { type CliOptions, type RunningCommand, startCli, startCommand } from "./cli.ts";
import { ask, type HttpAnswer } from "./http-ask.ts";
import { until } from "./until.ts";

/** A `piipe run --dashboard`. */
export interface DashboardCli {
  readonly cli: RunningCommand;
  /** Without a slash at its end. */
  readonly url: string;
  /** That was set for it. */
  readonly token: string | null;
  /** With the token, where there is one. */
  readonly headers: Readonly<Record<string, string>>;
  readonly get: (path: string) => Promise<HttpAnswer>;
  readonly post: (path: string, body: object) => Promise<HttpAnswer>;
  /** Ends it as a service manager does. */
  stop(): Promise<void>;
}

/** @param args beside `run --dashboard`; several workers begin from a process of their own */
export async function startDashboard(args: readonly string[], options: CliOptions): Promise<DashboardCli> {
  const start = args.includes("--workers") ? startCli : startCommand;
  const cli = start(["run", "--dashboard", "127.0.0.1:0", ...args], options);
  let hasEnded = false;
  void cli.ended.then(() => (hasEnded = true));
  let printed: URL | null = null;
  await until("the dashboard's address is printed", () => {
    const [, found] = /"url":"(http:[^"]+)","msg":"dashboard at/.exec(cli.stderr()) ?? [];
    printed = found === undefined ? null : new URL(found);
    if (hasEnded) throw new Error(cli.stderr());
    return printed !== null;
  });
  const { origin: url } = printed as unknown as URL;
  const token = options.environment?.["PIIPE_DASHBOARD_TOKEN"] ?? null;
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  return {
    cli,
    url,
    token,
    headers,
    get: (path) => ask(`${url}${path}`, { headers }),
    post: (path, body) =>
      ask(`${url}${path}`, {
        method: "POST",
        headers: { ...headers, origin: url, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    async stop() {
      if (!hasEnded) cli.signal("SIGTERM");
      await cli.ended;
    },
  };
}
