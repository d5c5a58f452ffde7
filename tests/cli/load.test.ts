import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliResult, runCli, startCommand } from "../support/cli.ts";
import { startWorker } from "../support/doomed-worker.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query, withClient } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const CANARY = "canary-51c0";
const BAD = JSON.stringify({ ...(JSON.parse(loginEvents(1)[0] ?? "") as object), ip: `${CANARY}.999` });

const sqs = testSqs();
let pipeline: LoginPipeline;
beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterEach(() => pipeline.remove());

const put = (name: string, content: string | Uint8Array): Promise<void> =>
  writeFile(join(pipeline.folder, name), content);
const load = (files: readonly string[], stdin = ""): Promise<CliResult> =>
  runCli(["load", "--json", ...files], { ...pipeline, stdin });
const totalsOf = ({ code, stdout }: CliResult): Record<string, unknown> => ({
  code,
  ...(JSON.parse(stdout) as object),
});
const lines = (events: readonly string[]): string => `${events.join("\n")}\n`;
const users = async (): Promise<readonly string[]> =>
  (await query<{ user_id: string }>(pipeline.databaseUrl, "SELECT user_id FROM user_logins")).map(
    ({ user_id }) => user_id,
  );
/** Of the ids that were stored, each once. */
async function expectUsers(count: number): Promise<void> {
  const stored = await users();
  expect([stored.length, new Set(stored).size]).toEqual([count, count]);
}
const waiting = async (): Promise<number> =>
  (
    await query(
      pipeline.databaseUrl,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
  ).length;
const noted = () =>
  query<{ lines_done: string; is_complete: boolean; beyond: string }>(
    pipeline.databaseUrl,
    `SELECT lines_done, completed_at IS NOT NULL AS is_complete, (SELECT count(*) FROM piipe.load_lines) AS beyond
     FROM piipe.loads ORDER BY begun_at`,
  );

describe("piipe load", () => {
  it("stores each line once: killed, begun again, under another name, packed, and once more", async () => {
    const content = lines(loginEvents(3_000));
    await put("events.ndjson", content);
    await startWorker(["load", "events.ndjson"], pipeline).killAt("after COMMIT");
    const killed = (await users()).length;
    expect(killed).toBeGreaterThan(0);
    expect(killed).toBeLessThan(3_000);
    await rename(join(pipeline.folder, "events.ndjson"), join(pipeline.folder, "moved"));
    const resumed = totalsOf(await load(["moved"]));
    expect(resumed).toMatchObject({ code: 0, stored: 3_000 - killed, quarantined: 0, left: 0 });
    await expectUsers(3_000);
    expect(await noted()).toEqual([{ lines_done: "3000", is_complete: true, beyond: "0" }]);
    // Long after the ledger has forgotten whatever it held.
    await query(pipeline.databaseUrl, "DELETE FROM piipe.ledger");
    await put("packed", gzipSync(content));
    const again = totalsOf(await load(["moved", "packed"]));
    expect(again).toMatchObject({ code: 0, received: 0, stored: 0 });
    expect(again["files"]).toEqual(
      ["moved", "packed"].map((file) => ({ file, events: 3_000, alreadyLoaded: 3_000, isComplete: true })),
    );
    const said = await runCli(["load", "moved"], pipeline);
    expect(said.stderr).toBe(
      "moved: 3000 events, all of them loaded before\nread 0, stored 0, already there 0, quarantined 0\n",
    );
    await expectUsers(3_000);
  });

  it("passes over what is noted, and stores what two loads at once meet in once", async () => {
    await put("events", lines(loginEvents(3_000)));
    const both = await Promise.all([load(["events"]), load(["events"])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.map((result) => Number(totalsOf(result)["stored"])).reduce((a, b) => a + b)).toBe(3_000);
    await expectUsers(3_000);
    await query(
      pipeline.databaseUrl,
      "UPDATE piipe.loads SET lines_done = 2990, completed_at = NULL; DELETE FROM user_logins",
    );
    expect(totalsOf(await load(["events"]))).toMatchObject({ received: 10, stored: 10 });
    expect((await users()).toSorted()[0]).toBe("user-2990");
  });

  it("dates every line with the load's begin, whenever it goes on", async () => {
    await put("events", lines(loginEvents(3)));
    expect((await load(["events"])).code).toBe(0);
    await query(
      pipeline.databaseUrl,
      `UPDATE piipe.loads SET begun_at = '2026-01-02 10:00Z', lines_done = 1, completed_at = NULL;
       DELETE FROM user_logins WHERE user_id <> 'user-0'`,
    );
    expect((await load(["events"])).code).toBe(0);
    const dates = await query(
      pipeline.databaseUrl,
      "SELECT user_id, create_date::text FROM user_logins WHERE user_id <> 'user-0' ORDER BY 1",
    );
    expect(dates).toEqual([
      { user_id: "user-1", create_date: "2026-01-02" },
      { user_id: "user-2", create_date: "2026-01-02" },
    ]);
  });

  it("takes arrays and stdin, several inputs one after the other", async () => {
    const events = loginEvents(9);
    await put("array.json", `[\n  ${events.slice(0, 3).join(",\n  ")}\n]\n`);
    await put("array.json.gz", gzipSync(`[${events.slice(3, 6).join(",")}]`));
    const result = totalsOf(await load(["array.json", "-", "array.json.gz"], events.slice(6).join("\n")));
    expect(result).toMatchObject({ code: 0, received: 9, stored: 9 });
    expect(result["files"]).toEqual(
      ["array.json", "-", "array.json.gz"].map((file) => ({ file, events: 3, alreadyLoaded: 0, isComplete: true })),
    );
    await expectUsers(9);
    expect(totalsOf(await load(["-"], events.slice(6).join("\n")))).toMatchObject({ stored: 3 });
  });

  it("quarantines lines that are refused, nothing raw in sight, and lets them be replayed", async () => {
    const events = loginEvents(200);
    const long = JSON.stringify({ ...(JSON.parse(events[0] ?? "") as object), user_id: "x".repeat(1_100_000) });
    await put(
      "events",
      Buffer.concat([Buffer.from(lines([...events, BAD, `{"ip":"${CANARY}`, long])), Buffer.from([0x22, 0xff, 0x22])]),
    );
    const result = await load(["events"]);
    expect(totalsOf(result)).toMatchObject({ code: 0, stored: 200, quarantined: 4, left: 0 });
    expect(await pipeline.quarantined()).toEqual([
      { reason: "body.not-json", path: null },
      { reason: "body.not-json", path: null },
      { reason: "body.too-large", path: null },
      { reason: "field.format", path: "ip" },
    ]);
    expect(JSON.stringify(result)).not.toContain(CANARY);
    const listed = await runCli(["quarantine", "list", "--json"], pipeline);
    expect(JSON.parse(listed.stdout)).toMatchObject({ total: 4 });
    // What is refused for good stays so; what fits the configuration of then is stored, once.
    const config = join(pipeline.folder, "piipe.yaml");
    await writeFile(config, (await readFile(config, "utf8")).replace("from: ip, type: ip", "from: ip, type: text"));
    const replayed = await runCli(["quarantine", "replay", "--all", "--private-file", "piipe.private.json"], pipeline);
    expect(replayed.stderr).toContain("1");
    expect(await pipeline.rows()).toBe(201);
    expect(totalsOf(await load(["events"]))).toMatchObject({ received: 0, stored: 0 });
  });

  it("halts when too much is refused, with exit code 5, and goes on from there once that is mended", async () => {
    await put("events", lines([...loginEvents(50), ...Array.from({ length: 400 }, () => BAD)]));
    const halted = await load(["events"]);
    expect(totalsOf(halted)).toMatchObject({ code: 5, error: { code: "data.beyond-limit" } });
    const { quarantined, stored } = totalsOf(halted) as Record<string, number>;
    const config = join(pipeline.folder, "piipe.yaml");
    await writeFile(config, `${await readFile(config, "utf8")}\nquarantine: { haltAboveShare: 1 }\n`);
    const resumed = totalsOf(await load(["events"])) as Record<string, number>;
    expect(resumed["code"]).toBe(0);
    expect([(stored ?? 0) + (resumed["stored"] ?? 0), (quarantined ?? 0) + (resumed["quarantined"] ?? 0)]).toEqual([
      50, 400,
    ]);
    await expectUsers(50);
  });

  it("leaves what nothing can seal, says so, and takes it when it can", async () => {
    await put("events", lines([...loginEvents(30), BAD]));
    const keys = join(pipeline.folder, "piipe.keys.json");
    const whole = await readFile(keys, "utf8");
    const { sealing: _, ...unsealing } = JSON.parse(whole) as Record<string, unknown>;
    await writeFile(keys, JSON.stringify(unsealing));
    expect(totalsOf(await load(["events"]))).toMatchObject({
      code: 3,
      stored: 30,
      left: 1,
      error: { code: "keys.missing" },
    });
    await writeFile(keys, whole);
    expect(totalsOf(await load(["events"]))).toMatchObject({ code: 0, received: 1, stored: 0, quarantined: 1 });
    await expectUsers(30);
  });

  it("ends with 130 when a signal stops it, and goes on later", async () => {
    await put("events", lines(loginEvents(500)));
    const stopped = await withClient(pipeline.databaseUrl, async (client) => {
      // Until something is written, it takes only so much of the file as tells that it can be.
      await client.query("BEGIN; LOCK TABLE user_logins IN SHARE MODE");
      const command = startCommand(["load", "--json", "events"], pipeline);
      await until("a write that waits", async () => (await waiting()) > 0);
      command.signal("SIGTERM");
      await client.query("COMMIT");
      return command.ended;
    });
    expect(stopped.code).toBe(130);
    const { stored } = totalsOf(stopped) as Record<string, number>;
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(500);
    expect(totalsOf(await load(["events"]))).toMatchObject({ code: 0, stored: 500 - (stored ?? 0) });
  });

  it.each<readonly [name: string, content: string | Uint8Array | null, says: string]>([
    ["a file that is not there", null, "events cannot be read (ENOENT)"],
    ["an array that is cut off", `[${loginEvents(1).join(",")}`, "events is cut off"],
    ["gzip that is cut off", gzipSync(lines(loginEvents(300))).subarray(0, 900), "events is damaged (Z_BUF_ERROR)"],
  ])("refuses %s before anything of it is stored", async (_, content, says) => {
    if (content === null) await rm(join(pipeline.folder, "events"), { force: true });
    else await put("events", content);
    const result = await load(["events"]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(says);
    expect(await pipeline.rows()).toBe(0);
  });

  it("refuses a configuration that asks each line for what a message alone has", async () => {
    const columns = `${LOGIN_COLUMNS}  region: { from: "@group_id", type: text }\n`;
    await writeFile(
      join(pipeline.folder, "group.yaml"),
      `source: { sqs: { queue: q } }\nsink: { postgres: { url: "\${DATABASE_URL}", table: user_logins } }\nkeys: { file: ./piipe.keys.json }\ncolumns:${columns}`,
    );
    const result = await runCli(["load", "--config", "group.yaml", "events"], pipeline);
    expect([result.code, result.stderr]).toEqual([3, expect.stringContaining("column region needs @group_id")]);
  });

  it("no digest of the file is in the database: a short one could be guessed", async () => {
    const content = lines(loginEvents(1));
    await put("events", content);
    expect((await load(["events"])).code).toBe(0);
    const [row] = await query<{ all: string }>(
      pipeline.databaseUrl,
      "SELECT (SELECT json_agg(l) FROM piipe.loads l)::text AS all",
    );
    expect(row?.all).not.toContain(createHash("sha256").update(content).digest("hex"));
  });
});
