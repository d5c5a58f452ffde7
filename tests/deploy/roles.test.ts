import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CliResult, runCli } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestRole, type TestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";
import { tokenScenario } from "../support/token-scenario.ts";

const SCRIPT = new URL("../../deploy/postgres/roles.sql", import.meta.url);
const COLUMNS = `
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256, reveal: true }
  create_date: { from: "@sent_at", type: date }
`;
const GROUPS = ["piipe_run", "piipe_read", "piipe_operate", "piipe_rewrap"] as const;
type Group = (typeof GROUPS)[number];

/** Roles belong to the whole server, which other tests use as well. */
const suffix = randomBytes(4).toString("hex");
const sqs = testSqs();
let pipeline: LoginPipeline;
const members = new Map<Group, TestRole>();

const event = (user: string, ip: string): string => JSON.stringify({ user_id: user, ip });

function as(group: Group, ...args: readonly string[]): Promise<CliResult> {
  const { folder, environment } = pipeline;
  const url = members.get(group)?.url ?? "";
  return runCli([...args], { folder, environment: { ...environment, DATABASE_URL: url } });
}

async function done(group: Group, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { code, stdout, stderr } = await as(group, ...args, "--json");
  expect(stderr).not.toContain("database.denied");
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
}

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs, { columns: COLUMNS, settings: "quarantine: { haltAboveShare: 1 }" });
  const script = (await readFile(SCRIPT, "utf8")).replaceAll(/piipe_(?:run|read|operate|rewrap)\b/g, `$&_${suffix}`);
  // Twice: after an upgrade it is run again.
  await query(pipeline.databaseUrl, script);
  await query(pipeline.databaseUrl, script);
  for (const group of GROUPS) {
    const member = await createTestRole(pipeline.databaseUrl);
    members.set(group, member);
    await query(pipeline.databaseUrl, `GRANT ${group}_${suffix} TO ${member.name}`);
  }
}, 120_000);

afterAll(async () => {
  for (const member of members.values()) await member.drop();
  for (const group of GROUPS) {
    await query(pipeline.databaseUrl, `DROP OWNED BY ${group}_${suffix}; DROP ROLE ${group}_${suffix}`);
  }
  await pipeline.remove();
}, 120_000);

describe("the roles of deploy/postgres/roles.sql", () => {
  it("let a worker run, reading none of what it writes", async () => {
    await sqs.send(pipeline.queue.url, [
      event("u1", "192.0.2.1"),
      event("u2", "192.0.2.1"),
      event("u3", "192.0.2.x"),
      event("u4", "192.0.2.y"),
    ]);
    expect(await done("piipe_run", "run", "--until-empty")).toMatchObject({ stored: 2, quarantined: 2 });
    for (const table of ["user_logins", "piipe.vault", "piipe.key_links", "piipe.audit"]) {
      await expect(query(members.get("piipe_run")?.url ?? "", `SELECT FROM ${table}`)).rejects.toMatchObject({
        code: "42501",
      });
    }
  });

  it("let nobody say when an entry of the audit was made, by whom, or with which number", async () => {
    for (const group of ["piipe_run", "piipe_operate"] as const) {
      for (const [column, value] of [
        ["id", "7"],
        ["at", "'2020-01-01'"],
        ["db_user", "'postgres'"],
      ] as const) {
        await expect(
          query(
            members.get(group)?.url ?? "",
            `INSERT INTO piipe.audit (${column}, action, operator, details) OVERRIDING SYSTEM VALUE
             VALUES (${value}, 'erase', 'me', '{}')`,
          ),
        ).rejects.toMatchObject({ code: "42501" });
      }
    }
  });

  it("let a reader look, and open or change nothing", async () => {
    expect(await done("piipe_read", "status")).toMatchObject({
      workers: { ok: true, value: [expect.objectContaining({ state: "stopped" })] },
      quarantine: { ok: true, value: { pending: 2 } },
    });
    expect(await done("piipe_read", "quarantine", "list")).toMatchObject({ total: 2 });
    expect(await done("piipe_read", "duplicates")).toBeDefined();
    const reader = members.get("piipe_read")?.url ?? "";
    for (const statement of [
      "SELECT sealed_body FROM piipe.quarantine",
      "SELECT FROM piipe.vault",
      "DELETE FROM user_logins",
      "UPDATE piipe.quarantine SET state = 'discarded'",
      "DELETE FROM piipe.workers",
    ]) {
      await expect(query(reader, statement)).rejects.toMatchObject({ code: "42501" });
    }
  });

  it("let an operator replay, discard, look up, reveal and erase", async () => {
    const { entries } = (await done("piipe_operate", "quarantine", "list")) as {
      entries: readonly { readonly id: string }[];
    };
    const [first, second] = entries.map(({ id }) => id);
    const reason = ["--reason", "a test"];
    expect(await done("piipe_operate", "quarantine", "show", first ?? "", "--open", ...reason)).toBeDefined();
    // Refused again: the cause was not mended.
    expect((await as("piipe_operate", "quarantine", "replay", first ?? "", "--json")).stdout).toContain('"refused":1');
    expect(await done("piipe_operate", "quarantine", "discard", second ?? "", "--yes")).toMatchObject({ discarded: 1 });
    expect(await done("piipe_operate", "lookup", "ip", "192.0.2.1")).toBeDefined();
    const [row] = await query<{ masked_ip: string }>(pipeline.databaseUrl, "SELECT masked_ip FROM user_logins LIMIT 1");
    expect(await done("piipe_operate", "reveal", "masked_ip", row?.masked_ip ?? "", ...reason)).toBeDefined();
    expect(await done("piipe_operate", "erase", "ip", "192.0.2.1", "--yes")).toBeDefined();
    expect(await pipeline.rows()).toBe(0);
    await expect(query(members.get("piipe_operate")?.url ?? "", "SELECT FROM piipe.audit")).rejects.toMatchObject({
      code: "42501",
    });
  });

  it("let a rotation rewrite tokens", async () => {
    const { land, rotate } = tokenScenario(pipeline, sqs);
    await land({ user: "5", ip: "192.0.2.5" });
    await rotate(2, "--over");
    expect(await done("piipe_rewrap", "keys", "rewrap")).toMatchObject({
      columns: [{ column: "masked_ip", rows: 1, remaining: 0 }],
    });
  });
});
