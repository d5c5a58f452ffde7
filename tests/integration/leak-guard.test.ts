import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPrivateKey } from "../../src/keys/keyring-file.ts";
import { openSealed } from "../../src/keys/seal.ts";
import { bodyContext } from "../../src/pipeline/sealed-delivery.ts";
import { type CliResult, startCommand } from "../support/cli.ts";
import { type LoginPipeline, createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const COLUMNS = `
  user_id: { type: text }
  device_type: { type: text, piiDetection: quarantine }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256 }
  locale: { type: text, nullable: true, piiDetection: off }
  app_version: { type: version }
  create_date: { from: "@sent_at", type: date }
`;
const IP = "203.0.113.199";
const DEVICE = "593-47-5928";
const EMAIL = "canary.jane@example.org";
const PHONE = "+1 415 555 0132";

const event = (changes: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
    user_id: "u",
    app_version: "1.2.3",
    device_type: "ios",
    ip: IP,
    locale: "US",
    device_id: DEVICE,
    ...changes,
  });

const ECHOES = [
  event({ user_id: `guest-${IP}` }),
  event({ ip: "::FFFF:203.0.113.199", user_id: IP }),
  event({ locale: `x${DEVICE}` }),
];
const DETECTED = [event({ device_type: "198.51.100.77" }), event({ device_type: EMAIL })];
const SUSPECTED = 12;
const HARMLESS = 20;

const sqs = testSqs();
let pipeline: LoginPipeline;
let result: CliResult;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs, { columns: COLUMNS, settings: "quarantine: { haltAboveShare: 1 }" });
  await sqs.send(pipeline.queue.url, [
    ...ECHOES,
    ...DETECTED,
    event({ locale: PHONE }),
    event({ user_id: "198.51.100.78" }),
    ...Array.from({ length: HARMLESS }, (_, index) => event({ user_id: `user-${index}` })),
  ]);
  const worker = startCommand(["run", "--json"], pipeline);
  // One by one: the log tells of each receipt, however many values of it are suspected.
  for (let sent = 0; sent < SUSPECTED; sent += 1) {
    await sqs.send(pipeline.queue.url, [event({ user_id: `${EMAIL}:${sent}` })]);
    await until("it is stored", async () => (await suspected()) > sent);
  }
  await until("nothing is left", async () => (await sqs.count(pipeline.queue.url)).total === 0);
  worker.signal("SIGTERM");
  result = await worker.ended;
});
async function suspected(): Promise<number> {
  const [row] = await query<{ count: string }>(
    pipeline.databaseUrl,
    "SELECT count(*) FROM user_logins WHERE user_id LIKE 'canary%'",
  );
  return Number(row?.count);
}
afterAll(async () => {
  await pipeline.remove();
});

describe("the leak guard in a run", () => {
  it("quarantines what echoes a masked value, whatever `piiDetection` says, and what is detected where it says so", async () => {
    expect(await pipeline.quarantined()).toEqual([
      { reason: "leak.detected", path: "device_type" },
      { reason: "leak.detected", path: "device_type" },
      { reason: "leak.echo", path: "locale" },
      { reason: "leak.echo", path: "user_id" },
      { reason: "leak.echo", path: "user_id" },
    ]);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });

  it("seals those events: nothing of them is lost", async () => {
    const rows = await query<{ source: string; message_id: string; sealed_body: Buffer }>(
      pipeline.databaseUrl,
      "SELECT source, message_id, sealed_body FROM piipe.quarantine",
    );
    const privateKey = await loadPrivateKey(join(pipeline.folder, "piipe.private.json"));
    const bodies = rows.map((row) => openSealed(privateKey, row.sealed_body, bodyContext(row.message_id), row.source));
    expect(bodies.toSorted()).toEqual([...ECHOES, ...DETECTED].toSorted());
  });

  it("stores what is only suspected, and what is declared not personal", async () => {
    expect(await suspected()).toBe(SUSPECTED);
    const [row] = await query<{ count: string }>(
      pipeline.databaseUrl,
      "SELECT count(*) FROM user_logins WHERE user_id LIKE '198%' OR locale LIKE '+1%'",
    );
    expect(Number(row?.count)).toBe(2);
    expect(await pipeline.rows()).toBe(SUSPECTED + 2 + HARMLESS);
  });

  it("never stores a masked value anywhere", async () => {
    const rows = await query<{ row: string }>(pipeline.databaseUrl, "SELECT user_logins::text AS row FROM user_logins");
    for (const { row } of rows) {
      expect(row).not.toContain(IP);
      expect(row).not.toContain(DEVICE);
    }
  });

  it("tells columns and kinds in the log, and no value", () => {
    const lines = result.stderr
      .split("\n")
      .filter((line) => line.includes("leak.suspected"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const told = lines.map(({ column, detector, times }) => ({ column, detector, times }));
    expect(told).toHaveLength(3);
    expect(told).toContainEqual({ column: "user_id", detector: "ipv4", times: undefined });
    // The 1st and the 10th time.
    expect(told.filter(({ detector }) => detector === "email")).toEqual([
      { column: "user_id", detector: "email", times: undefined },
      { column: "user_id", detector: "email", times: 10 },
    ]);
    expect(result.stderr).toContain("leak.echo");
    for (const value of [IP, DEVICE, EMAIL, PHONE, "198.51.100", "203.0.113"]) {
      expect(result.stderr + result.stdout).not.toContain(value);
    }
  });
});
