import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { createOfflineFolder, type OfflineFolder } from "../support/offline-folder.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";

const IP = "199.172.111.135";

let offline: OfflineFolder;
let folder: string;
const sqs = testSqs();
let pipeline: LoginPipeline;
let steps: TokenScenario;

beforeAll(async () => {
  offline = await createOfflineFolder();
  ({ folder } = offline);
  pipeline = await createLoginPipeline(sqs);
  steps = tokenScenario(pipeline, sqs);
  await steps.land({ user: "u1", ip: IP }, { user: "u2", ip: "203.0.113.9" }, { user: "u1", ip: "203.0.113.9" });
});
afterAll(async () => {
  await offline.remove();
  await pipeline.remove();
});

describe("piipe erase", () => {
  it("shows examples first in its help", async () => {
    const { code, stdout } = await runCli(["erase", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples:\n {2}piipe erase /);
    expect(stdout).toContain("--yes");
  });

  it.each<[string, readonly string[], number, string]>([
    ["no consent", ["ip", IP], 2, "Add --yes"],
    ["an unknown column", ["device_idd", IP, "--yes"], 2, "Did you mean device_id?"],
    ["a column that is stored as it is", ["user_id", "u1", "--yes"], 2, "search it with SQL"],
    ["an address that is none", ["ip", "999.1.1.1", "--yes"], 2, "no row can have this value"],
    ["an empty stdin", ["ip", "--yes"], 2, "the value of ip is empty"],
    ["a value that looks like an option", ["device_id", "-999.1.1.1", "--yes"], 2, "follows --"],
    ["no database", ["ip", IP, "--yes"], 4, "[database.unreachable]"],
  ])("with %s, ends with a hint and deletes nothing", async (_, args, code, text) => {
    const result = await runCli(["erase", ...args], { folder });
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toContain(text);
    expect(result.stderr).not.toContain(IP);
    expect(result.stderr).not.toContain("999.1.1.1");
  });

  it("without --yes, nothing is even looked up when nobody can be asked", async () => {
    expect(await steps.cli(["erase", "ip"], IP)).toMatchObject({ code: 2, stdout: "" });
    expect(await steps.audit()).toEqual([]);
    expect(await pipeline.rows()).toBe(3);
  });

  it("takes one value from stdin, not the first of several", async () => {
    const result = await steps.cli(["erase", "ip", "-", "--yes"], `${IP}\n203.0.113.9\n`);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain("stdin has more than one line");
    expect(await pipeline.rows()).toBe(3);
  });

  it("takes the value from stdin, says what went and what remains, and shows no value", async () => {
    const result = await steps.cli(["erase", "ip", "-", "--yes", "--reason", "request 4711"], `${IP}\n`);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain("Deleted 1 row of public.user_logins, 0 links, 0 vault entries.");
    expect(result.stdout).toContain("1 other row of the same 1 user (user_id)");
    expect(result.stdout).not.toContain(IP);
    expect(await steps.audit()).toMatchObject([{ action: "erase", reason: "request 4711" }]);
    expect(await pipeline.rows()).toBe(2);
  });

  it("prints one JSON object for a program", async () => {
    const result = await steps.must("erase", "device_id", "593-47-5928", "--yes", "--json", "--user", "device_type");
    expect(JSON.parse(result.stdout)).toEqual({
      table: "public.user_logins",
      columns: ["masked_device_id"],
      deleted: { rows: 2, links: 0, vault: 0 },
      remaining: {
        userColumn: "device_type",
        users: 1,
        rowsOfSameUsers: 0,
        pendingQuarantine: 0,
        pendingQuarantineOfOthers: 0,
      },
      unsearched: [],
      destroyedVersions: [],
    });
    expect(await pipeline.rows()).toBe(0);
  });

  it("speaks of no other rows when there are none", async () => {
    const result = await steps.must("erase", "ip", IP, "--yes");
    expect(result.stdout).toContain("Nothing was there to delete.");
    expect(result.stdout).not.toContain("other row");
  });
});
