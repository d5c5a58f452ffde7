import { chmod, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { revealCommand } from "../../src/cli/commands/reveal.ts";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { createOfflineFolder, type OfflineFolder } from "../support/offline-folder.ts";
import { query } from "../support/postgres.ts";
import { scriptedTerminal } from "../support/scripted-terminal.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";

const IP = "199.172.111.135";
const DEVICE = "\u001b[2J593-47-5928";
const REASON = ["--reason", "fraud case 42"] as const;

let offline: OfflineFolder;
let folder: string;
const sqs = testSqs();
let pipeline: LoginPipeline;
let steps: TokenScenario;
let ipToken: string;
let deviceToken: string;

beforeAll(async () => {
  offline =
    await createOfflineFolder(`${LOGIN_COLUMNS.replace("type: ip, mask: hmac-sha256", "type: ip, mask: hmac-sha256, reveal: true")}
  email: { type: text, mask: redact }`);
  ({ folder } = offline);
  pipeline = await createLoginPipeline(sqs, {
    columns: LOGIN_COLUMNS.replaceAll("mask: hmac-sha256", "mask: hmac-sha256, reveal: true"),
  });
  steps = tokenScenario(pipeline, sqs);
  await steps.land({ user: "u1", ip: IP, device: DEVICE });
  const [row] = await query<{ masked_ip: string; masked_device_id: string }>(
    pipeline.databaseUrl,
    "SELECT masked_ip, masked_device_id FROM user_logins",
  );
  ipToken = row?.masked_ip ?? "";
  deviceToken = row?.masked_device_id ?? "";
});
afterAll(async () => {
  await offline.remove();
  await pipeline.remove();
});

describe("piipe reveal", () => {
  it("shows examples first in its help", async () => {
    const { code, stdout } = await runCli(["reveal", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples:\n {2}piipe reveal /);
    expect(stdout).toContain("--private-file");
  });

  it.each<[string, readonly string[], number, string]>([
    ["no reason", ["masked_ip", "h1_LhB1"], 2, "--reason <text>"],
    ["a blank reason", ["masked_ip", "h1_LhB1", "--reason", "  "], 2, "the reason is empty"],
    ["an unknown column", ["masked_ipp", "h1_LhB1", ...REASON], 2, "Did you mean masked_ip?"],
    ["a value in the column's place", [IP, ...REASON], 2, "Columns that can be revealed: masked_ip."],
    ["a column that is stored as it is", ["user_id", "u1", ...REASON], 2, "it is stored as it is"],
    ["a one-way column", ["masked_device_id", "h1_LhB1", ...REASON], 2, "hmac-sha256 is one-way"],
    ["a mask that keeps nothing", ["email", "[redacted]", ...REASON], 2, "redact keeps nothing"],
    ["no token", ["masked_ip", ...REASON], 2, "the token of masked_ip is empty"],
    ["no private file", ["masked_ip", "h1_LhB1", "--private-file", "none.json", ...REASON], 3, "[keys.missing]"],
    [
      "a private file that is a keyring",
      ["masked_ip", "h1_LhB1", "--private-file", "piipe.keys.json", ...REASON],
      3,
      "piipe.keys.json: this is the keyring, and the private file is wanted [keys.invalid]",
    ],
    ["no database", ["masked_ip", "h1_LhB1", ...REASON], 4, "[database.unreachable]"],
  ])("with %s, ends with a hint and reveals nothing", async (_, args, code, text) => {
    const result = await runCli(["reveal", ...args], { folder });
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toContain(text);
    expect(result.stderr).not.toContain(IP);
  });

  it("prints the original alone, and as JSON with --json", async () => {
    expect(await steps.cli(["reveal", "masked_ip", ipToken, ...REASON])).toMatchObject({
      code: 0,
      stdout: `${IP}\n`,
      stderr: "",
    });
    const json = await steps.cli(["reveal", "masked_ip", ...REASON, "--json"], ` ${ipToken}\n`);
    expect(JSON.parse(json.stdout)).toEqual({ column: "masked_ip", token: ipToken, value: IP, verified: true });
  });

  it("asks a person for the token, and lets no original rule the terminal; a pipe gets it unchanged", async () => {
    const options = {
      config: "piipe.yaml",
      column: "masked_device_id",
      token: undefined,
      reason: "fraud case 42",
      privateFile: "piipe.private.json",
      json: false,
    };
    const { terminal, output } = scriptedTerminal(pipeline, { secret: deviceToken, confirm: null });
    expect(await revealCommand(options, terminal)).toBe(0);
    expect(output).toEqual({ out: "\\u001b[2J593-47-5928\n", error: "" });
    expect((await steps.must("reveal", "masked_device_id", deviceToken, ...REASON)).stdout).toBe(`${DEVICE}\n`);
  });

  it("refuses a private file that others can read, and opens with one that is elsewhere", async () => {
    const file = join(pipeline.folder, "piipe.private.json");
    await chmod(file, 0o644);
    const unsafe = await steps.cli(["reveal", "masked_ip", ipToken, ...REASON]);
    await chmod(file, 0o600);
    expect(unsafe).toMatchObject({ code: 3, stdout: "" });
    expect(unsafe.stderr).toContain("[keys.unsafe]");
    await rename(file, join(pipeline.folder, "moved.json"));
    const moved = await steps.cli(["reveal", "masked_ip", ipToken, ...REASON, "--private-file", "moved.json"]);
    await rename(join(pipeline.folder, "moved.json"), file);
    expect(moved).toMatchObject({ code: 0, stdout: `${IP}\n` });
  });
});
