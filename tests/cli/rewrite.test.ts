import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { type CliResult, runCli, startCommand } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline, type LoginPipelineOptions } from "../support/login-pipeline.ts";
import { query, withClient } from "../support/postgres.ts";
import { hasPseudoTerminal, screenOf, startAtTerminal, withoutStyle } from "../support/pseudo-terminal.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const isThere = hasPseudoTerminal();
const about = isThere ? "" : ": skipped, there is no `script` of util-linux on this machine";

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];

afterEach(async () => {
  for (const pipeline of pipelines.splice(0)) await pipeline.remove();
});

const columnsWith = (ipMask: string, deviceMask: string): string => `
  user_id: { type: text }
  device_type: { type: text }
  masked_ip: { from: ip, type: ip, mask: ${ipMask} }
  masked_device_id: { from: device_id, type: text, mask: ${deviceMask} }
  locale: { type: text, nullable: true }
  app_version: { type: version }
  create_date: { from: "@sent_at", type: date }
`;

async function loginPipeline(options: LoginPipelineOptions = {}): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs, options);
  pipelines.push(pipeline);
  return pipeline;
}

function cli({ folder, environment }: LoginPipeline, ...args: string[]): Promise<CliResult> {
  return runCli(args, { folder, environment });
}

async function done(pipeline: LoginPipeline, ...args: string[]): Promise<CliResult> {
  const result = await cli(pipeline, ...args);
  if (result.code !== 0) throw new Error(`${args.join(" ")}: ${result.code} ${result.stderr}`);
  return result;
}

async function land(pipeline: LoginPipeline, events: readonly string[]): Promise<void> {
  await sqs.send(pipeline.queue.url, events);
  await done(pipeline, "run", "--until-empty");
}

/** How often each prefix of tokens occurs in a column. */
async function prefixes(pipeline: LoginPipeline, column: string): Promise<Record<string, number>> {
  const rows = await query<{ prefix: string; count: string }>(
    pipeline.databaseUrl,
    `SELECT substring(${column} FROM '^[a-z][0-9]+_') AS prefix, count(*) FROM user_logins GROUP BY 1`,
  );
  return Object.fromEntries(rows.map(({ prefix, count }) => [prefix, Number(count)]));
}

const distinct = async (pipeline: LoginPipeline, column: string): Promise<number> =>
  (await query(pipeline.databaseUrl, `SELECT DISTINCT ${column} FROM user_logins`)).length;

/** After a leak: a new primary version over the old one. */
async function replaceLeakedKey(pipeline: LoginPipeline): Promise<void> {
  await done(pipeline, "keys", "add", "--over");
  await done(pipeline, "keys", "promote", "2");
}

describe("piipe keys rewrap", () => {
  it("makes the stored tokens anew, and the same events land on them", async () => {
    const pipeline = await loginPipeline({ columns: columnsWith("hmac-sha256", "aes-siv") });
    await land(pipeline, loginEvents(60));
    const before = [await distinct(pipeline, "masked_ip"), await distinct(pipeline, "masked_device_id")];
    await replaceLeakedKey(pipeline);
    const { stdout } = await done(pipeline, "keys", "rewrap", "--json");
    const counts = { links: 0, vault: 0, remaining: 0, unreadable: 0 };
    expect(JSON.parse(stdout)).toEqual({
      version: 2,
      columns: [
        { column: "masked_ip", mask: "hmac-sha256", rows: 60, ...counts },
        { column: "masked_device_id", mask: "aes-siv", rows: 60, ...counts },
      ],
      notRewritable: [],
    });
    await land(pipeline, loginEvents(60));
    expect(await prefixes(pipeline, "masked_ip")).toEqual({ h2_: 120 });
    expect(await prefixes(pipeline, "masked_device_id")).toEqual({ s2_: 120 });
    expect([await distinct(pipeline, "masked_ip"), await distinct(pipeline, "masked_device_id")]).toEqual(before);
    const again = await done(pipeline, "keys", "rewrap", "--column", "masked_ip");
    expect(again.stdout).toMatch(/masked_ip +0 +0 +0 +0/);
  });

  it("names the columns that cannot be rewritten, and why", async () => {
    const pipeline = await loginPipeline({
      columns: columnsWith("ipcrypt-deterministic, keyVersion: 1", "hmac-sha256"),
    });
    await replaceLeakedKey(pipeline);
    const { stdout, stderr } = await done(pipeline, "keys", "rewrap");
    expect(stdout).toMatch(/masked_device_id +0/);
    expect(stdout).not.toContain("masked_ip");
    expect(stderr).toMatch(/warning: column masked_ip was not rewritten: .*ipcrypt-deterministic.*version 1/);
    const chosen = await cli(pipeline, "keys", "rewrap", "--column", "masked_ip");
    expect(chosen.code).toBe(2);
    expect(chosen.stderr).toMatch(/cannot rewrite a column masked_ip: .*\n.*masked_device_id/);
  });

  it("says how when the primary version is over no other, and which columns there are", async () => {
    const pipeline = await loginPipeline();
    const early = await cli(pipeline, "keys", "rewrap");
    expect(early.code).toBe(2);
    expect(early.stderr).toContain("[usage.invalid]");
    expect(early.stderr).toContain("piipe keys add --over");
    await replaceLeakedKey(pipeline);
    const unknown = await cli(pipeline, "keys", "rewrap", "--column", "locale");
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("masked_ip, masked_device_id");
  });

  it("fails when a worker goes on with the old keyring, and says what to do", async () => {
    const pipeline = await loginPipeline();
    await land(pipeline, loginEvents(5));
    await replaceLeakedKey(pipeline);
    await query(
      pipeline.databaseUrl,
      `CREATE FUNCTION write_again() RETURNS trigger LANGUAGE plpgsql AS $body$
       BEGIN INSERT INTO user_logins SELECT old.*; RETURN new; END $body$;
       CREATE TRIGGER write_again BEFORE UPDATE OF masked_ip ON user_logins
       FOR EACH ROW EXECUTE PROCEDURE write_again()`,
    );
    const { code, stdout, stderr } = await cli(pipeline, "keys", "rewrap", "--column", "masked_ip", "--json");
    expect(code).toBe(3);
    expect(stderr).toContain("[keys.unfinished]");
    expect(stderr).toMatch(/5 in column masked_ip[\s\S]*restart them/);
    expect(JSON.parse(stdout)).toMatchObject({
      columns: [{ column: "masked_ip", remaining: 5 }],
      error: { code: "keys.unfinished" },
    });
  });

  it("stops at Ctrl-C between two batches, and the same command goes on", async () => {
    const pipeline = await loginPipeline();
    await land(pipeline, loginEvents(20));
    await replaceLeakedKey(pipeline);
    await withClient(pipeline.databaseUrl, async (client) => {
      await client.query("BEGIN");
      await client.query("SELECT FROM user_logins WHERE user_id = 'user-7' FOR UPDATE");
      const running = startCommand(["keys", "rewrap", "--json"], pipeline);
      await until("the others are rewritten", async () => (await prefixes(pipeline, "masked_ip"))["h2_"] === 19);
      running.signal("SIGINT");
      const { code, stdout, stderr } = await running.ended;
      expect(code).toBe(130);
      expect(stderr).toContain("The same command goes on where this one ended.");
      expect(JSON.parse(stdout)).toMatchObject({
        columns: [{ column: "masked_ip", rows: 19, remaining: null }],
        error: { code: "interrupted" },
      });
      await client.query("ROLLBACK");
    });
    const { stdout } = await done(pipeline, "keys", "rewrap", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      columns: [
        { rows: 1, remaining: 0 },
        { rows: 20, remaining: 0 },
      ],
    });
  });
});

describe.skipIf(!isThere)(`piipe keys rewrap at a terminal${about}`, () => {
  it("leaves a bar that shows what Ctrl-C left to do", async () => {
    const pipeline = await loginPipeline();
    await land(pipeline, loginEvents(1));
    // Of 65 blocks at least: the rewrite takes 64 at a time.
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins ALTER COLUMN locale TYPE text");
    await query(
      pipeline.databaseUrl,
      `INSERT INTO user_logins
       SELECT 'last', device_type, masked_ip, masked_device_id, repeat('x', 1500), app_version, create_date
       FROM user_logins, generate_series(1, 400)`,
    );
    await replaceLeakedKey(pipeline);
    await withClient(pipeline.databaseUrl, async (client) => {
      await client.query("BEGIN");
      await client.query(
        "SELECT FROM user_logins WHERE ctid = (SELECT ctid FROM user_logins ORDER BY (ctid::text::point)[0] DESC LIMIT 1) FOR UPDATE",
      );
      const running = startAtTerminal(["keys", "rewrap"], pipeline);
      await until("the first blocks are rewritten", async () => "h2_" in (await prefixes(pipeline, "masked_ip")));
      running.type("\u0003");
      expect(await running.ended).toBe(130);
      const bars = screenOf(withoutStyle(running.written())).filter((line) => line.includes("rewriting blocks"));
      expect(bars).toEqual([expect.stringMatching(/^█+░+ masked_ip: rewriting blocks 64 of/)]);
      await client.query("ROLLBACK");
    });
  });
});

describe("piipe keys takeover", () => {
  const bare = (text: string): string => createHash("sha256").update(text).digest("hex");

  async function storeBare(pipeline: LoginPipeline, events: readonly string[]): Promise<void> {
    const rows = events.map((text) => {
      const { user_id, ip, device_id } = JSON.parse(text) as Record<string, string>;
      return { user_id, masked_ip: bare(ip ?? ""), masked_device_id: bare(device_id ?? "") };
    });
    await query(
      pipeline.databaseUrl,
      "INSERT INTO user_logins SELECT * FROM json_populate_recordset(NULL::user_logins, $1::json)",
      [JSON.stringify(rows)],
    );
  }

  it("turns the original's values into tokens, and the same events land on them", async () => {
    const pipeline = await loginPipeline({ columns: columnsWith("hmac-over-sha256", "hmac-over-sha256") });
    await storeBare(pipeline, loginEvents(50));
    await query(pipeline.databaseUrl, "UPDATE user_logins SET masked_ip = upper(masked_ip) WHERE user_id = 'user-3'");
    await query(
      pipeline.databaseUrl,
      "UPDATE user_logins SET masked_device_id = 'raw-canary' WHERE user_id IN ('user-4', 'user-5')",
    );

    // Added too early, the checks do not keep the old rows from being taken over.
    const early = await done(pipeline, "migrate", "--token-checks", "--json");
    expect(JSON.parse(early.stdout)).toMatchObject({
      tokenChecks: [
        { column: "masked_ip", state: "not-valid", misfits: 50 },
        { column: "masked_device_id", state: "not-valid", misfits: 50 },
      ],
    });
    expect(early.stderr).toContain("piipe keys takeover");

    const first = await cli(pipeline, "keys", "takeover");
    expect(first.code).toBe(3);
    expect(first.stdout).toMatch(/remaining +unreadable\n/);
    expect(first.stdout).toMatch(/masked_ip +49 +0 +0 +0 +1\n.*masked_device_id +48 +0 +0 +0 +2/);
    expect(first.stderr).toMatch(/1 in column masked_ip, 2 in column masked_device_id[\s\S]*raw values/);
    expect(first.stdout + first.stderr).not.toContain("canary");
    const asJson = await cli(pipeline, "keys", "takeover", "--json");
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      columns: [
        { column: "masked_ip", rows: 0, remaining: 0, unreadable: 1 },
        { column: "masked_device_id", rows: 0, remaining: 0, unreadable: 2 },
      ],
    });
    expect(first.stderr).toMatch(/dropped the check piipe_token_masked_ip: .*piipe migrate --token-checks/);
    await query(pipeline.databaseUrl, "DELETE FROM user_logins WHERE user_id IN ('user-3', 'user-4', 'user-5')");
    expect((await done(pipeline, "keys", "takeover")).stderr).toBe("");

    await land(pipeline, loginEvents(50));
    expect(await prefixes(pipeline, "masked_ip")).toEqual({ w1_: 97 });
    expect(await distinct(pipeline, "masked_ip")).toBe(50);
    const late = await done(pipeline, "migrate", "--token-checks");
    expect(late.stderr).toContain("piipe_token_masked_ip holds for every row");
  });

  it("says that there is nothing to take over", async () => {
    const pipeline = await loginPipeline();
    const { code, stderr } = await cli(pipeline, "keys", "takeover");
    expect(code).toBe(2);
    expect(stderr).toContain("mask: hmac-over-sha256");
  });
});

describe("piipe migrate --token-checks", () => {
  it("names the columns that get none, and why; the second time it says that nothing changed", async () => {
    const pipeline = await loginPipeline({ columns: columnsWith("hmac-sha256", "fpe-ff1, digits: 9") });
    const unchecked = "column masked_device_id gets no check: what fpe-ff1 gives has no form of its own";
    const first = await done(pipeline, "migrate", "--token-checks");
    expect(first.stderr).toContain("piipe_token_masked_ip holds for every row");
    expect(first.stderr).toContain(unchecked);
    expect(first.stderr).not.toContain("nothing to do");
    const second = await done(pipeline, "migrate", "--token-checks");
    expect(second.stderr).toMatch(/^the check piipe_token_masked_ip is there already/);
    expect(second.stderr).toContain(unchecked);
    expect(second.stderr).toMatch(/nothing to do: everything is up to date\n$/);
    const asJson = JSON.parse((await done(pipeline, "migrate", "--token-checks", "--json")).stdout) as unknown;
    expect(asJson).toMatchObject({
      tokenChecks: [{ column: "masked_ip", state: "valid", isChanged: false }],
      unchecked: [{ column: "masked_device_id", mask: "fpe-ff1" }],
    });
  });

  it("after a promotion without it no worker starts; with it all goes on, and a rewrap as well", async () => {
    const pipeline = await loginPipeline();
    await done(pipeline, "migrate", "--token-checks");
    await land(pipeline, loginEvents(5));
    await replaceLeakedKey(pipeline);
    for (const args of [["run", "--until-empty"], ["check"], ["keys", "rewrap"]]) {
      const { code, stdout, stderr } = await cli(pipeline, ...args);
      expect(code).toBe(4);
      expect(stdout + stderr).toContain("[database.table-mismatch]");
      expect(stdout + stderr).toContain("piipe migrate --token-checks");
    }
    await done(pipeline, "migrate", "--token-checks");
    await land(pipeline, loginEvents(5));
    await done(pipeline, "keys", "rewrap");
    expect(await prefixes(pipeline, "masked_ip")).toEqual({ h2_: 10 });
    await expect(query(pipeline.databaseUrl, "UPDATE user_logins SET masked_ip = '203.0.113.7'")).rejects.toMatchObject(
      { code: "23514", constraint: "piipe_token_masked_ip" },
    );
  });
});
