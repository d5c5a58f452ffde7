import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lookupCommand } from "../../src/cli/commands/lookup.ts";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { createOfflineFolder, type OfflineFolder } from "../support/offline-folder.ts";
import { query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { scriptedTerminal } from "../support/scripted-terminal.ts";
import { testSqs } from "../support/sqs.ts";
import { tokenScenario } from "../support/token-scenario.ts";

const IP = "199.172.111.135";

/** A configuration whose database nobody reaches: what is wrong with the command line is told before. */
let offline: OfflineFolder;
let folder: string;
const sqs = testSqs();
let pipeline: LoginPipeline;

beforeAll(async () => {
  offline = await createOfflineFolder(`${LOGIN_COLUMNS}
  ip_net: { from: ip, type: ip, mask: generalize }
  email: { type: text, mask: redact }
  phone: { type: text, mask: drop }
  meta: { type: json }`);
  ({ folder } = offline);
  pipeline = await createLoginPipeline(sqs);
  await tokenScenario(pipeline, sqs).land({ user: "u1\u001b[31m", ip: IP }, { user: "u2", ip: IP });
});
afterAll(async () => {
  await offline.remove();
  await pipeline.remove();
});

const lookUp = (args: readonly string[], stdin?: string) =>
  runCli(["lookup", ...args], { folder, ...(stdin === undefined ? {} : { stdin }) });

describe("piipe lookup", () => {
  it("shows examples first in its help, and says how a value keeps out of the history", async () => {
    const { code, stdout } = await lookUp(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples:\n {2}piipe lookup /);
    expect(stdout).toContain("line of stdin");
  });

  it.each<[string, readonly string[], string]>([
    ["an unknown column", ["masked_ipp", IP], "Did you mean masked_ip?"],
    ["the value in the column's place", [IP], "The columns are user_id, device_type, masked_ip"],
    ["a column that is stored as it is", ["user_id", "u1"], "search it with SQL"],
    ["a mask that keeps nothing", ["email", "a@example.org"], "email (redact keeps nothing"],
    ["a mask that stores NULL", ["phone", "4711"], "phone (drop keeps nothing"],
    ["a mask that joins values", ["ip_net", IP], "ip_net (generalize gives many values the same form)"],
    ["an address that is none", ["ip", "999.1.1.1"], "the value is none of its type, ip"],
    ["an ambiguous address", ["masked_ip", "010.8.8.8"], "the value is none of its type, ip"],
    ["an empty value", ["ip", ""], "the value of ip is empty"],
    ["a value that looks like an option", ["ip", "--4711"], "a value that begins with - follows --"],
    ["an option that is none", ["ip", IP, "--jsn"], "Did you mean --json?"],
    ["an unknown user column", ["ip", IP, "--user", "nobody"], "--user nobody"],
    ["a limit that is none", ["ip", IP, "--limit", "many"], "Give a whole number"],
  ])("refuses %s with exit code 2, and quotes no value", async (_, args, text) => {
    const { code, stdout, stderr } = await lookUp(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(text);
    for (const value of [IP, "999.1.1.1", "010.8.8.8", "a@example.org", "4711"]) expect(stderr).not.toContain(value);
  });

  it("refuses an empty stdin, a missing keyring and a database that cannot be reached, each with its exit code", async () => {
    expect(await lookUp(["ip"])).toMatchObject({ code: 2, stderr: expect.stringContaining("is empty") as string });
    const unreachable = await lookUp(["ip"], `${IP}\n`);
    expect(unreachable.code).toBe(4);
    expect(unreachable.stderr).toContain("[database.unreachable]");
    expect(unreachable.stderr).not.toContain(IP);
    const other = await mkdtemp(join(tmpdir(), "piipe-test-"));
    await writeFile(
      join(other, "piipe.yaml"),
      `source: { sqs: { queue: unused } }
sink: { postgres: { url: "postgres://unused@127.0.0.1:9/unused", table: user_logins } }
columns: { ip: { type: ip, mask: hmac-sha256 } }`,
    );
    const keyless = await runCli(["lookup", "ip", IP], { folder: other });
    await rm(other, { recursive: true });
    expect(keyless.code).toBe(3);
    expect(keyless.stderr).toContain("[keys.missing]");
  });

  it("prints tokens, counts and rows for a person, within --limit", async () => {
    const { code, stdout, stderr } = await runCli(["lookup", "ip", IP, "--limit", "1"], pipeline);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/column +token +version +rows +first seen +last seen/);
    expect(stdout).toMatch(/masked_ip +h1_[\w-]{43} +1 +2 /);
    expect(stdout).toContain("2 rows of 2 users (user_id)");
    expect(stdout).toContain("… and 1 more, cut by --limit 1");
    expect(stdout).not.toContain(IP);
    const counts = await runCli(["lookup", "ip", IP, "--limit", "0"], pipeline);
    expect(counts.stdout).not.toContain("device_type");
  });

  it("prints one JSON object for a program", async () => {
    const { stdout } = await runCli(["lookup", "ip", IP, "--json", "--user", "device_type"], pipeline);
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 2,
      userColumn: "device_type",
      users: 1,
      timeColumn: "create_date",
      tokens: [{ column: "masked_ip", version: 1, rows: 2 }],
      sample: [{ device_type: "android" }, { device_type: "android" }],
      unsearched: [],
      destroyedVersions: [],
    });
  });

  it("shows no value of a masked column that is no token: it may be raw", async () => {
    const raw = "canary-4711";
    const change = (to: string) =>
      query(pipeline.databaseUrl, "UPDATE user_logins SET masked_device_id = $1 WHERE user_id = 'u2'", [to]);
    const [row] = await query<{ token: string }>(
      pipeline.databaseUrl,
      "SELECT masked_device_id AS token FROM user_logins WHERE user_id = 'u2'",
    );
    await change(raw);
    const person = await runCli(["lookup", "ip", IP], pipeline);
    const program = await runCli(["lookup", "ip", IP, "--json"], pipeline);
    await change(row?.token ?? "");
    expect(person.stdout).toMatch(/^ *u2 .*\[no token\]/m);
    const { sample } = JSON.parse(program.stdout) as { sample: Record<string, string>[] };
    expect(Object.fromEntries(sample.map((found) => [found["user_id"], found["masked_device_id"]]))).toMatchObject({
      u2: "[no token]",
      "u1\u001b[31m": expect.stringMatching(/^h1_/) as string,
    });
    expect(person.stdout + program.stdout).not.toContain(raw);
  });

  it("asks a person for the value, and lets no stored text rule the terminal", async () => {
    const { terminal, output } = scriptedTerminal(pipeline, { secret: IP, confirm: null });
    const options = { config: "piipe.yaml", column: "ip", value: undefined, user: null, reason: null, json: false };
    expect(await lookupCommand({ ...options, limit: 10 }, terminal)).toBe(0);
    expect(output.out).toContain("2 rows of 2 users");
    expect(output.out).toContain("u1\\u001b[31m");
    expect(output.out).not.toContain("u1\u001b");
    // Too wide for the terminal's 80 columns as a table.
    expect(output.out).toMatch(/^ {2}user_id +u2$/m);
    expect(output.out + output.error).not.toContain(IP);
  });

  it("needs only to read, and to write the audit", async () => {
    const role = await createTestRole(pipeline.databaseUrl);
    const asRole = () =>
      runCli(["lookup", "ip", IP], {
        folder: pipeline.folder,
        environment: { ...pipeline.environment, DATABASE_URL: role.url },
      });
    await query(
      pipeline.databaseUrl,
      `GRANT USAGE ON SCHEMA piipe TO ${role.name};
       GRANT SELECT ON user_logins, piipe.key_links, piipe.migrations TO ${role.name}`,
    );
    expect((await asRole()).stderr).toContain("lacks SELECT on piipe.key_checks");
    await query(pipeline.databaseUrl, `GRANT SELECT ON piipe.key_checks TO ${role.name}`);
    const denied = await asRole();
    expect(denied.code).toBe(4);
    expect(denied.stderr).toContain("lacks INSERT on piipe.audit");
    const grant = 'GRANT INSERT (action, operator, reason, details) ON "piipe"."audit" TO';
    expect(denied.stderr).toContain(grant);
    await query(pipeline.databaseUrl, `${grant} ${role.name}`);
    expect((await asRole()).code).toBe(0);
    await role.drop();
  });
});
