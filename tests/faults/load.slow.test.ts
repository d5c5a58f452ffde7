import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline as pipe } from "node:stream/promises";
import { expect, it, onTestFinished } from "vitest";
import { runCli } from "../support/cli.ts";
import { type KillPoint, startWorker } from "../support/doomed-worker.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

/** `npm run test:faults` gives a larger number. */
const LINES = Number(process.env["PIIPE_LOAD_LINES"] ?? 50_000);
const KILLS = 10;
const TIMEOUT_MS = 3_600_000;
/** Those that a load passes. */
const POINTS: readonly KillPoint[] = ["masked", "claimed", "before COMMIT", "after COMMIT"];
/** Every so many lines one that is refused. */
const REFUSED_EVERY = 5_000;

const sqs = testSqs();

async function writeLines(path: string): Promise<void> {
  const [template = ""] = loginEvents(1);
  const event = JSON.parse(template) as object;
  const lines = function* (): Generator<string> {
    for (let index = 0; index < LINES; index += 1) {
      const ip = index % REFUSED_EVERY === 0 ? "nowhere" : `203.0.${index % 113}.${index % 251}`;
      yield `${JSON.stringify({ ...event, user_id: `user-${index}`, ip })}\n`;
    }
  };
  await pipe(Readable.from(lines()), createWriteStream(path));
}

/** Lines that are stored or quarantined, by what is noted of them. */
async function done({ databaseUrl }: LoginPipeline): Promise<number> {
  const [row] = await query<{ done: string | null }>(
    databaseUrl,
    "SELECT (SELECT sum(lines_done) FROM piipe.loads) + (SELECT count(*) FROM piipe.load_lines) AS done",
  );
  return Number(row?.done ?? 0);
}

it(
  `of ${LINES} lines, killed ${KILLS} times, each is stored or quarantined once, and none when they are loaded again`,
  async () => {
    const pipeline = await createLoginPipeline(sqs);
    onTestFinished(() => pipeline.remove());
    await writeLines(join(pipeline.folder, "events"));
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = await done(pipeline);
      const aim = Math.min((kill * LINES) / (KILLS + 1), LINES);
      const worker = startWorker(["load", "--json", "events"], pipeline);
      await until("lines of the load", async () => (await done(pipeline)) > Math.max(before, aim), TIMEOUT_MS);
      await worker.killAt(POINTS[kill % POINTS.length] ?? "masked");
    }
    const last = await runCli(["load", "--json", "events"], pipeline);
    expect(last.code, last.stderr).toBe(0);
    const [rows] = await query<{ rows: string; users: string; quarantined: string }>(
      pipeline.databaseUrl,
      `SELECT count(*) AS rows, count(DISTINCT user_id) AS users, (SELECT count(*) FROM piipe.quarantine) AS quarantined
       FROM user_logins`,
    );
    const refused = Math.ceil(LINES / REFUSED_EVERY);
    expect(rows).toEqual({
      rows: String(LINES - refused),
      users: String(LINES - refused),
      quarantined: String(refused),
    });
    const again = await runCli(["load", "--json", "events"], pipeline);
    expect(JSON.parse(again.stdout)).toMatchObject({ received: 0, stored: 0, quarantined: 0 });
    expect(await query(pipeline.databaseUrl, "SELECT FROM piipe.load_lines")).toEqual([]);
  },
  TIMEOUT_MS,
);
