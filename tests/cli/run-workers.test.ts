import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CliOptions, runCli, runProcess, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import type { LoginPipeline } from "../support/login-pipeline.ts";
import { directUrl, withClient } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";
import {
  createSlowPipeline,
  distinctUsers,
  emptyPipeline,
  haveStarted,
  linesOf,
  linesWith,
  outcomeOf,
} from "../support/worker-run.ts";

/** The default of sink.postgres.maxConnections. */
const CONNECTIONS_MAX = 4;

const sqs = testSqs();
/** One for all: to make a keyring and migrate a database takes longer than most of the tests. */
let pipeline: LoginPipeline;
beforeAll(async () => {
  pipeline = await createSlowPipeline(sqs);
});
afterAll(() => pipeline.remove());
// What a worker forgot would stay in flight for the whole test.
beforeEach(() => emptyPipeline(sqs, pipeline, 600));

describe("several workers", () => {
  it("share the work and the connections; one summary holds what all of them did", async () => {
    // More than two of them can hold.
    const MESSAGES = 600;
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const run = startCli(["run", "--workers", "3", "--json", "--log-level", "debug"], pipeline);
    let connectionsMost = 0;
    const receivers = (): Set<number | undefined> =>
      new Set(linesWith(run, "deliveries.received").map(({ worker }) => worker));
    await withClient(directUrl(pipeline.databaseUrl), async (client) => {
      // Holds every insert back, until each worker has something to write.
      await client.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
      await until("all of them have received messages", () => receivers().size === 3);
      await client.query("ROLLBACK");
      await until("all rows are stored and all messages deleted", async () => {
        const { rows } = await client.query<{ connections: number; stored: number }>(
          `SELECT (SELECT count(*)::int FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'piipe') AS connections,
                  (SELECT count(*)::int FROM user_logins) AS stored`,
        );
        const [{ connections, stored } = { connections: 0, stored: 0 }] = rows;
        connectionsMost = Math.max(connectionsMost, connections);
        return stored >= MESSAGES && (await sqs.count(pipeline.queue.url)).total === 0;
      });
    });
    expect(connectionsMost).toBeGreaterThan(0);
    expect(connectionsMost).toBeLessThanOrEqual(CONNECTIONS_MAX);
    run.process.kill("SIGTERM");
    const result = await run.ended;
    expect(result).toMatchObject({ code: 0, signal: null });
    expect(linesWith(run, "worker.launched")).toMatchObject([
      { worker: 1, connections: 2 },
      { worker: 2, connections: 1 },
      { worker: 3, connections: 1 },
    ]);
    expect(outcomeOf(result)).toEqual({
      received: MESSAGES,
      stored: MESSAGES,
      skipped: 0,
      duplicate: 0,
      quarantined: 0,
      left: 0,
      deleted: MESSAGES,
      elapsedMs: expect.any(Number) as number,
      workers: 3,
      restarts: 0,
    });
    expect(await distinctUsers(pipeline)).toBe(MESSAGES);
    expect(receivers()).toEqual(new Set([1, 2, 3]));
  });

  it("when the supervisor is killed, its workers finish what they received, and end", async () => {
    const MESSAGES = 2_000;
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const run = startCli(["run", "--workers", "2"], pipeline);
    await haveStarted(run, 2);
    await until("some rows are stored", async () => (await pipeline.rows()) >= 100);
    run.process.kill("SIGKILL");
    // Resolves when nobody has its stderr open any more, the workers included.
    expect(await run.ended).toMatchObject({ signal: "SIGKILL" });
    expect(linesWith(run, "pipeline.stopped").map(({ worker }) => worker)).toEqual(expect.arrayContaining([1, 2]));
    const stored = await pipeline.rows();
    expect(stored).toBeLessThan(MESSAGES);
    await until("nothing is in flight", async () => (await sqs.count(pipeline.queue.url)).inFlight === 0);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(MESSAGES - stored);
  });
});

describe("workers that cannot start", () => {
  async function refused(args: readonly string[], start = runCli, options: CliOptions = pipeline) {
    const result = await start(["run", "--until-empty", ...args, "--json"], options);
    expect(result.stderr.match(/^error:/gm), result.stderr).toHaveLength(1);
    return { ...result, outcome: outcomeOf(result), lines: linesOf(result.stderr) };
  }

  it("more workers than connections: exit code 2, what to set, and none is started", async () => {
    const { code, outcome, stderr, lines } = await refused(["--workers", "5"]);
    expect(code).toBe(2);
    expect(outcome.error?.code).toBe("usage.invalid");
    expect(stderr).toContain("Set sink.postgres.maxConnections to 5 or more, or start at most 4 workers");
    expect(lines).toEqual([]);
  });

  it("an error of the configuration is told once, before any is started", async () => {
    await writeFile(join(pipeline.folder, "wrong.yaml"), "source: 1\n");
    const { code, outcome, lines } = await refused(["--workers", "2", "--config", "wrong.yaml"]);
    expect(code).toBe(3);
    expect(outcome.error?.code).toBe("config.invalid");
    expect(lines).toEqual([]);
  });

  it("what all of them find missing is told once, and not tried again", async () => {
    const unreachable = new URL(pipeline.databaseUrl);
    unreachable.port = "9";
    const environment = { ...pipeline.environment, DATABASE_URL: unreachable.href };
    const { code, outcome, lines } = await refused(["--workers", "2"], runProcess, {
      folder: pipeline.folder,
      environment,
    });
    expect(code).toBe(4);
    expect(outcome).toMatchObject({ workers: 2, restarts: 0, error: { code: "database.unreachable" } });
    expect(lines.filter(({ type }) => type === "worker.failed")).toHaveLength(1);
  });

  it("--workers 1 is a single process as without it", async () => {
    const result = await runCli(["run", "--until-empty", "--workers", "1", "--json"], pipeline);
    expect(result.code, result.stderr).toBe(0);
    expect(outcomeOf(result).workers).toBeUndefined();
    expect(linesOf(result.stderr).some(({ type, worker }) => type === "worker.launched" || worker !== undefined)).toBe(
      false,
    );
  });

  it("a worker's own option is refused without a supervisor, and a worker refuses debuggers as every run does", async () => {
    const args = ["run", "--as-worker", "1:1"];
    const alone = await runCli(args, pipeline);
    expect(alone).toMatchObject({ code: 2, stdout: "" });
    expect(alone.stderr).toContain("--workers");
    const debugged = await runProcess(args, {
      ...pipeline,
      hasChannel: true,
      nodeArguments: ["--inspect=127.0.0.1:0"],
    });
    expect(debugged.code).toBe(2);
    expect(debugged.stderr).toContain("--inspect");
  });
});
