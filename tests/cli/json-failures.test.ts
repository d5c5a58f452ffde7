import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";
import { type CliResult, runCli, runProcess } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeAll(async () => {
  await sqs.createQueue("dead-letters", {});
  pipeline = await createLoginPipeline(sqs, {
    columns: `
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256, reveal: true }
`,
  });
});
afterAll(async () => {
  await pipeline.remove();
});

/** What a command needs beside --json to get as far as its work. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  init: ["--queue", "q", "--table", "t", "--config", "new.yaml"],
  lookup: ["masked_ip", "192.0.2.1"],
  erase: ["masked_ip", "192.0.2.1", "--yes"],
  reveal: ["masked_ip", "h1_x", "--reason", "test"],
  "quarantine show": ["9f2c1a80"],
  "quarantine replay": ["--all"],
  "quarantine discard": ["--all", "--yes"],
  redrive: ["--yes", "--from", "dead-letters"],
  load: ["piipe.yaml"],
};
/** Those that cannot fail, start servers of their own, or have an own shape for each thing that fails. */
const OTHERS: ReadonlySet<string> = new Set(["version", "demo", "check", "status"]);

function pathsWithJson(command: Command, path = ""): readonly string[] {
  const below = command.commands.flatMap((child) =>
    pathsWithJson(child, path === "" ? child.name() : `${path} ${child.name()}`),
  );
  return command.options.some(({ long }) => long === "--json") ? [path, ...below] : below;
}

const COMMANDS = pathsWithJson(buildProgram(async () => {})).filter((path) => !OTHERS.has(path));
const CONFIGURED = COMMANDS.filter((path) => path !== "init" && path !== "keys list");

function fail(path: string, more: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return runCli([...path.split(" "), ...(ARGUMENTS[path] ?? []), "--json", ...more], {
    folder: pipeline.folder,
    environment: { ...pipeline.environment, ...environment },
  });
}

/** Fails unless stdout is one object, on one line. */
function errorOf({ stdout }: CliResult): unknown {
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return (JSON.parse(stdout) as { error?: unknown }).error;
}

describe("a command that fails with --json prints one object with the error, and tells a person on stderr", () => {
  it("is tried with every command", () => {
    expect(CONFIGURED).toContain("quarantine list");
    expect(CONFIGURED.length).toBeGreaterThanOrEqual(12);
  });

  it.each(CONFIGURED)("%s: without a configuration", async (path) => {
    const result = await fail(path, ["--config", "nowhere.yaml"]);
    expect(result.code).toBe(3);
    const hint = expect.stringContaining("--config");
    expect(errorOf(result)).toEqual({ code: "config.not-found", message: expect.any(String), hint });
    expect(result.stderr).toContain("[config.not-found]");
  });

  it.each(CONFIGURED.filter((path) => !path.startsWith("keys ")))("%s: without a database", async (path) => {
    const result = await fail(path, [], { DATABASE_URL: "postgres://nobody@127.0.0.1:9/x" });
    expect(result.code).toBe(4);
    expect(errorOf(result)).toMatchObject({ code: "database.unreachable" });
    expect(result.stderr).toContain("[database.unreachable]");
  });

  it.each(["keys rewrap", "keys takeover"])("%s: with nothing to do", async (path) => {
    const result = await fail(path, []);
    expect(result.code).toBe(2);
    expect(errorOf(result)).toMatchObject({ code: "usage.invalid" });
  });

  it("keys list: without a keyring", async () => {
    const result = await fail("keys list", ["--file", "nowhere.json"]);
    expect(result.code).toBe(3);
    expect(errorOf(result)).toMatchObject({ code: "keys.missing" });
  });

  it("init: without a queue server", async () => {
    const result = await fail("init", [], { AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:9" });
    expect(result.code).toBe(4);
    expect(errorOf(result)).toMatchObject({ code: "queue.unreachable" });
  });

  it("an option that is none: nothing on stdout, as nobody knows what was meant", async () => {
    const result = await fail("quarantine list", ["--no-such-option"]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
  });

  it("a debugger: the same", async () => {
    const result = await runProcess(["quarantine", "list", "--json"], {
      folder: pipeline.folder,
      environment: pipeline.environment,
      nodeArguments: ["--report-on-signal"],
    });
    expect(result.code).toBe(2);
    expect(errorOf(result)).toMatchObject({ code: "usage.invalid" });
  });
});
