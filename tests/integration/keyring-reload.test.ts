import { copyFile, cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Keyring } from "../../src/keys/keyring.ts";
import { writeNewKeys } from "../../src/keys/new-keyring.ts";
import { runCli, startCommand } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const FILE = "piipe.keys.json";

const sqs = testSqs();
let pipeline: LoginPipeline;
/** Of whoever keeps the keys: the same configuration, and a keyring of its own. */
let keeper: LoginPipeline;
beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs);
  keeper = { ...pipeline, folder: await mkdtemp(join(tmpdir(), "piipe-keeper-")) };
  await cp(pipeline.folder, keeper.folder, { recursive: true });
});
afterEach(async () => {
  await pipeline.remove();
  await rm(keeper.folder, { recursive: true });
});

/** As a mounted secret changes: the file is another one. */
async function bringFrom(file: string): Promise<void> {
  const draft = join(pipeline.folder, "draft");
  await copyFile(file, draft);
  await rename(draft, join(pipeline.folder, FILE));
}

const bring = (): Promise<void> => bringFrom(join(keeper.folder, FILE));

/** Sends an event from one address, and gives the tokens of all that are stored. */
async function tokensAfter(userId: string): Promise<readonly string[]> {
  const event = {
    user_id: userId,
    device_type: "ios",
    ip: "203.0.113.7",
    locale: "US",
    device_id: "9",
    app_version: "1",
  };
  await sqs.send(pipeline.queue.url, [JSON.stringify(event)]);
  let rows: { user_id: string; token: string }[] = [];
  await until(`${userId} is stored`, async () => {
    rows = await query(pipeline.databaseUrl, "SELECT user_id, masked_ip AS token FROM user_logins ORDER BY user_id");
    return rows.some(({ user_id }) => user_id === userId);
  });
  return rows.map(({ token }) => token.slice(0, 3));
}

it("a promotion waits for a running worker, which takes a changed file without a restart, and no other keyring", async () => {
  const worker = startCommand(["run", "--log-level", "info"], pipeline);
  await worker.printed("pipeline.started");
  expect(await tokensAfter("a")).toEqual(["h1_"]);
  expect(await runCli(["keys", "add"], keeper)).toMatchObject({ code: 0 });

  const text = await readFile(join(keeper.folder, FILE), "utf8");
  const refused = await runCli(["keys", "promote", "2", "--wait", "0"], keeper);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain(`1 of 1 running workers do not have this key version 2: `);
  expect(refused.stderr).toContain(`process ${process.pid}: key versions 1 [keys.conflict]`);
  expect(await readFile(join(keeper.folder, FILE), "utf8")).toBe(text);

  const promotion = startCommand(["keys", "promote", "2"], keeper);
  await promotion.printed("waiting up to 180 s for key version 2 to reach");
  await bring();
  const { code, stderr } = await promotion.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("1 running worker of user_logins: each has key version 2\n");
  expect(worker.stderr()).toContain('"type":"keyring.changed","primary":1');
  expect(Keyring.parse(await readFile(join(keeper.folder, FILE), "utf8"), "keyring").primary?.version).toBe(2);

  await bring();
  await worker.printed('"type":"keyring.changed","primary":2');
  expect(await tokensAfter("b")).toEqual(["h1_", "h2_"]);
  const links = "SELECT count(*)::integer AS links FROM piipe.key_links WHERE column_name = 'masked_ip'";
  expect(await query(pipeline.databaseUrl, links)).toEqual([{ links: 1 }]);

  const [keyringFile, privateFile] = ["other.json", "private.json"].map((name) => join(keeper.folder, name)) as [
    string,
    string,
  ];
  await writeNewKeys({ keyringFile, privateFile });
  await bringFrom(keyringFile);
  await worker.printed('"type":"keyring.refused","code":"keys.mismatch"');
  expect(await tokensAfter("c")).toEqual(["h1_", "h2_", "h2_"]);
  worker.signal("SIGTERM");
  expect(await worker.ended).toMatchObject({ code: 0 });
});

it("a worker that stopped, or was not heard of for long, is not waited for, and the latter is named", async () => {
  await runCli(["keys", "add"], keeper);
  expect(await runCli(["run", "--until-empty"], pipeline)).toMatchObject({ code: 0 });
  await query(
    pipeline.databaseUrl,
    `INSERT INTO piipe.workers (id, pipeline, source, target, host, pid, version, seen_at, figures)
     VALUES (md5(random()::text)::uuid, 'l', 'q', 'public.user_logins', 'far', 7, '1', now() - interval '1 minute', '{"received": 0}')`,
  );
  const { code, stderr } = await runCli(["keys", "promote", "2", "--wait", "0"], keeper);
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("0 running workers of user_logins: each has key version 2\n");
  expect(stderr).toContain("Make sure that they are gone:\n  far, process 7: key versions does not tell\n");
});

it("another key under the same number is not the version that is promoted", async () => {
  await runCli(["keys", "add"], keeper);
  await runCli(["keys", "add"], pipeline);
  const worker = startCommand(["run"], pipeline);
  await worker.printed("pipeline.started");
  await until("the worker has reported", async () => {
    return (await query(pipeline.databaseUrl, "SELECT FROM piipe.workers")).length > 0;
  });
  const { code, stderr } = await runCli(["keys", "promote", "2", "--wait", "0"], keeper);
  expect(code).toBe(3);
  expect(stderr).toContain("key versions 1, 2 [keys.conflict]");
  worker.signal("SIGTERM");
  await worker.ended;
});
