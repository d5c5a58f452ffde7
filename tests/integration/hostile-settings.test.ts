import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makeHostile } from "../support/hostile-settings.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { createTestDatabase, directUrl, postgresMajor, withClient } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { tokenScenario } from "../support/token-scenario.ts";

/** Before PostgreSQL 12 the text that gives the same number again is not the shortest. */
const ROUND_TRIP = postgresMajor() < 12 ? "0.300000000000000044" : "0.30000000000000004";

const COLUMNS = `
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256, nullable: true, reveal: true }
  locale: { type: text, nullable: true }
  amount: { type: number, nullable: true }
  at: { type: timestamp }
  day: { type: date }
  extra: { type: json, nullable: true }
`;
const TABLE = `
DROP TABLE user_logins;
CREATE TABLE user_logins (
  user_id varchar(128), masked_ip varchar(256), locale varchar(32), amount double precision, at timestamptz, day date,
  extra jsonb, wait interval DEFAULT '1 day 02:03:04', raw bytea DEFAULT '\\x5c41')`;

const IP = "199.172.111.135";
const EVENTS = [
  { user_id: "1", ip: IP, locale: null, amount: 0.1 + 0.2, at: "2026-03-02T23:30:00.123456Z", day: "2026-03-02" },
  {
    user_id: "2",
    ip: IP,
    locale: "NULL",
    amount: 1e-7,
    at: "2026-03-03T00:00:00Z",
    day: "2026-03-02",
    extra: { a: [null, "\\'"] },
  },
  { user_id: "3\\", ip: null, locale: "日", at: "2026-12-31T23:59:59Z", day: "2026-12-31" },
  { user_id: "4", ip: "no address", at: "2026-12-31T23:59:59Z", day: "2026-12-31" },
];

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];
afterAll(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
});

async function pipelineOn(prepare: (url: string) => Promise<void>): Promise<LoginPipeline> {
  const database = await createTestDatabase();
  const pipeline = await createLoginPipeline(sqs, { database, isMigrated: false, columns: COLUMNS });
  pipelines.push(pipeline);
  await withClient(directUrl(database.url), (client) => client.query(TABLE));
  await prepare(database.url);
  return pipeline;
}

/** What is stored, as one session of known settings sees it. */
const storedIn = ({ databaseUrl }: LoginPipeline) =>
  withClient(directUrl(databaseUrl), async (client) => {
    await client.query("SET search_path = public; SET DateStyle = ISO; SET TimeZone = UTC; SET extra_float_digits = 3");
    const { rows } = await client.query<Record<string, unknown>>(
      "SELECT user_id, masked_ip, locale, amount::text, at::text, day::text, extra FROM user_logins ORDER BY user_id",
    );
    return rows;
  });

const TIMES = /\d{4}-\d\d-\d\dT[\d:.]+Z/;

async function outcomeOn(pipeline: LoginPipeline): Promise<Record<string, unknown>> {
  const { must, cli } = tokenScenario(pipeline, sqs);
  await must("migrate");
  await sqs.send(
    pipeline.queue.url,
    EVENTS.map((event) => JSON.stringify(event)),
  );
  await must("run", "--until-empty");
  const quarantine = JSON.parse((await must("quarantine", "list", "--json")).stdout) as {
    readonly entries: ReadonlyArray<Readonly<Record<string, unknown>>>;
  };
  const reason = ["--reason", "test"];
  const [{ id } = {}] = quarantine.entries;
  const opened = await must("quarantine", "show", String(id), "--open", ...reason);
  const checked = JSON.parse((await cli(["check", "--json"])).stdout) as {
    readonly findings: ReadonlyArray<{ readonly subject: string; readonly level: string; readonly text: string }>;
  };
  const lookup = JSON.parse((await must("lookup", "ip", IP, "--json")).stdout) as Record<string, unknown> & {
    readonly tokens: ReadonlyArray<{ readonly token: string }>;
  };
  const reveal = await must("reveal", "masked_ip", String(lookup.tokens[0]?.token), ...reason);
  return {
    stored: await storedIn(pipeline),
    lookup,
    duplicates: JSON.parse((await must("duplicates", "--json")).stdout) as unknown,
    reasons: quarantine.entries.map(({ code, path }) => ({ code, path })),
    times: quarantine.entries.map(({ sentAt, firstSeen }) => [sentAt, firstSeen].every((at) => TIMES.test(String(at)))),
    opened: opened.stdout.includes("no address"),
    reveal: reveal.stdout.includes(IP),
    errors: checked.findings.filter(({ level }) => level === "error"),
    erased: JSON.parse((await must("erase", "ip", IP, "--yes", "--json")).stdout) as unknown,
    left: (await storedIn(pipeline)).length,
  };
}

it("stores and reads in a database with every hostile setting what it does in a plain one", async () => {
  const plain = await pipelineOn(() => Promise.resolve());
  const hostile = await pipelineOn(makeHostile);
  await copyFile(join(plain.folder, "piipe.keys.json"), join(hostile.folder, "piipe.keys.json"));
  await copyFile(join(plain.folder, "piipe.private.json"), join(hostile.folder, "piipe.private.json"));
  const expected = await outcomeOn(plain);
  expect(expected).toMatchObject({ errors: [], opened: true, reveal: true, left: 1 });
  expect(expected["lookup"]).toMatchObject({
    sample: expect.arrayContaining([
      expect.objectContaining({
        day: "2026-03-02",
        amount: ROUND_TRIP,
        at: "2026-03-02 23:30:00.123456+00",
      }),
    ]) as unknown,
  });
  expect(expected["stored"]).toMatchObject([
    {
      user_id: "1",
      locale: null,
      amount: ROUND_TRIP,
      at: "2026-03-02 23:30:00.123456+00",
      day: "2026-03-02",
    },
    { user_id: "2", locale: "NULL", extra: { a: [null, "\\'"] } },
    { user_id: "3\\", masked_ip: null },
  ]);
  expect(await outcomeOn(hostile)).toEqual(expected);
});
