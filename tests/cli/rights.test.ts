import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestRole, type TestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";
import { tokenScenario } from "../support/token-scenario.ts";

const sqs = testSqs();

const SCRIPT = new URL("../../deploy/postgres/roles.sql", import.meta.url);
const COLUMNS = `
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256, reveal: true }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256 }
  create_date: { from: "@sent_at", type: date }
`;
const BEFORE = { user: "1", ip: "192.0.2.1" };
const AFTER = { user: "2", ip: "192.0.2.2" };

/** What deploy/postgres/roles.sql grants to one of its groups, for another role. */
async function grantsOf(group: string, role: string): Promise<string> {
  const text = (await readFile(SCRIPT, "utf8")).replaceAll(/^--.*$/gm, "");
  const grants = [...text.matchAll(/^(GRANT [^;]+?) TO ([^;]+);/gm)].filter(([, , to = ""]) =>
    to.split(/,\s*/).includes(group),
  );
  if (grants.length === 0) throw new Error(`roles.sql grants nothing to ${group}`);
  return grants.map(([, grant]) => `${grant} TO ${role};`).join("\n");
}

test("the rights of deploy/postgres/roles.sql are enough for a run, which can read none of it, and for a rewrap", async () => {
  const pipeline = await createLoginPipeline(sqs, { columns: COLUMNS });
  const roles: TestRole[] = [];
  const limited = async (name: string): Promise<(...args: readonly string[]) => ReturnType<typeof runCli>> => {
    const role = await createTestRole(pipeline.databaseUrl);
    roles.push(role);
    await query(pipeline.databaseUrl, await grantsOf(name, role.name));
    const environment = { ...pipeline.environment, DATABASE_URL: role.url };
    return (...args) => runCli(args, { folder: pipeline.folder, environment });
  };
  try {
    const { land, rotate } = tokenScenario(pipeline, sqs);
    await land(BEFORE);
    await rotate(2);
    const worker = await limited("piipe_run");
    // Linked, with an original; refused; and both again.
    const { ip, ...unmaskable } = AFTER;
    await sqs.send(pipeline.queue.url, [
      JSON.stringify({ user_id: "1", ip: BEFORE.ip, device_id: "1" }),
      JSON.stringify({ ...unmaskable, ip: `${ip}.` }),
    ]);
    const ran = await worker("run", "--until-empty");
    expect(ran.stderr).not.toContain("database.denied");
    expect(ran.stderr).not.toContain("heartbeat.failed");
    expect(ran.code).toBe(0);
    expect(await query(pipeline.databaseUrl, "SELECT FROM piipe.key_links")).toHaveLength(2);
    expect(await query(pipeline.databaseUrl, "SELECT FROM piipe.vault")).toHaveLength(2);
    expect(await pipeline.quarantined()).toHaveLength(1);
    expect(await pipeline.rows()).toBe(2);
    const reader = await limited("piipe_read");
    const status = await reader("status", "--json");
    expect(status.code).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({
      workers: { ok: true, value: expect.arrayContaining([expect.objectContaining({ figures: expect.anything() })]) },
      quarantine: { ok: true, value: { pending: 1 } },
    });
    // It cannot read what it writes.
    for (const table of ["user_logins", "piipe.vault", "piipe.key_links", "piipe.audit"]) {
      await expect(query(roles[0]?.url ?? "", `SELECT FROM ${table}`)).rejects.toMatchObject({ code: "42501" });
    }

    await rotate(3, "--over");
    const keeper = await limited("piipe_rewrap");
    const rewrapped = await keeper("keys", "rewrap", "--json");
    expect(rewrapped.stderr).toBe("");
    expect(JSON.parse(rewrapped.stdout)).toMatchObject({
      columns: [
        { column: "masked_ip", rows: 2, links: 1, vault: 2, remaining: 0 },
        { column: "masked_device_id", rows: 2, links: 1, remaining: 0 },
      ],
    });
  } finally {
    for (const role of roles) await role.drop();
    await pipeline.remove();
  }
});

test("a right to one of piipe's own tables that is missing is told before anything is received, and by a check", async () => {
  const pipeline = await createLoginPipeline(sqs, { columns: COLUMNS });
  const role = await createTestRole(pipeline.databaseUrl);
  const limited = { folder: pipeline.folder, environment: { ...pipeline.environment, DATABASE_URL: role.url } };
  try {
    const grants = await grantsOf("piipe_run", role.name);
    await query(pipeline.databaseUrl, `${grants} REVOKE DELETE ON piipe.ledger FROM ${role.name}`);
    await sqs.send(pipeline.queue.url, ["{}"]);
    const message = `the PostgreSQL user ${role.name} lacks DELETE on piipe.ledger`;
    const ran = await runCli(["run", "--until-empty", "--json"], limited);
    expect(JSON.parse(ran.stdout)).toMatchObject({ received: 0, error: { code: "database.denied", message } });
    const checked = await runCli(["check", "--json"], limited);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ subject: "rights", level: "error", text: message })]),
    });
  } finally {
    await role.drop();
    await pipeline.remove();
  }
});

test("without the rights on piipe.workers a run goes on, and says once how to mend it", async () => {
  const pipeline = await createLoginPipeline(sqs, { columns: COLUMNS });
  const role = await createTestRole(pipeline.databaseUrl);
  try {
    const grants = await grantsOf("piipe_run", role.name);
    await query(pipeline.databaseUrl, `${grants} REVOKE ALL ON piipe.workers FROM ${role.name}`);
    await sqs.send(pipeline.queue.url, [JSON.stringify({ user_id: "1", ip: BEFORE.ip, device_id: "1" })]);
    const environment = { ...pipeline.environment, DATABASE_URL: role.url };
    const ran = await runCli(["run", "--until-empty", "--json"], { folder: pipeline.folder, environment });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ stored: 1, deleted: 1 });
    const told = ran.stderr.split("\n").filter((line) => line.includes("heartbeat.failed"));
    expect(told).toHaveLength(1);
    expect(JSON.parse(told[0] ?? "")).toMatchObject({
      level: "warn",
      code: "database.denied",
      sqlState: "42501",
      msg: expect.stringContaining("grant SELECT, INSERT, UPDATE and DELETE on piipe.workers"),
    });
    expect(await query(pipeline.databaseUrl, "SELECT FROM piipe.workers")).toEqual([]);
  } finally {
    await role.drop();
    await pipeline.remove();
  }
});
