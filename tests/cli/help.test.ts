import { describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";

const COMMANDS = [
  ["demo"],
  ["run"],
  ["check"],
  ["migrate"],
  ...["new", "list", "add", "promote", "retire", "destroy", "rewrap", "takeover"].map((name) => ["keys", name]),
  ["mask"],
  ["duplicates"],
  ["lookup"],
  ["erase"],
  ["reveal"],
  ...["list", "show", "replay", "discard"].map((name) => ["quarantine", name]),
  ["schema"],
  ["version"],
];

describe("the command line", () => {
  it.each(COMMANDS.map((words) => [words.join(" "), words] as const))(
    "%s --help shows examples first",
    async (_, words) => {
      const { code, stdout, stderr } = await runCli([...words, "--help"]);
      expect(code).toBe(0);
      expect(stderr).toBe("");
      expect(stdout.startsWith("Examples:\n  ")).toBe(true);
      expect(stdout).toContain(`Usage: piipe ${words.join(" ")}`);
    },
  );

  it("without a command shows the help on stderr and exits with 2", async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    for (const [name] of COMMANDS) expect(stderr).toContain(`  ${name}`);
  });

  it("suggests the command that was meant, and exits with 2", async () => {
    const { code, stderr } = await runCli(["rnu"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Did you mean run?");
  });

  it.each([
    ["an unknown option", ["run", "--untill-empty"], "Did you mean --until-empty?"],
    ["a surplus argument", ["run", "now"], "too many arguments"],
    ["a value that is none", ["run", "--drain-timeout", "soon"], "Give whole seconds"],
    ["a level that is none", ["run", "--log-level", "loud"], "Allowed choices are debug, info, warn, error"],
  ])("refuses %s with exit code 2", async (_, args, text) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(text);
  });

  it("says how to name a configuration that is not there", async () => {
    const { code, stderr } = await runCli(["run", "--config", "nowhere.yaml"]);
    expect(code).toBe(3);
    expect(stderr).toContain("[config.not-found]");
    expect(stderr).toContain("--config");
  });

  it("prints its version", async () => {
    const plain = await runCli(["version"]);
    expect(plain.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await runCli(["--version"])).stdout).toBe(plain.stdout);
    const json = JSON.parse((await runCli(["version", "--json"])).stdout) as { piipe: string; node: string };
    expect(json).toEqual({ piipe: plain.stdout.trim(), node: process.version });
  });

  it("prints the JSON Schema that ships with the package", async () => {
    const { readFile } = await import("node:fs/promises");
    const { code, stdout } = await runCli(["schema"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(
      JSON.parse(await readFile(new URL("../../piipe.schema.json", import.meta.url), "utf8")),
    );
  });
});
