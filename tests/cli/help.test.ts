import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../src/cli/failure.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { runCli } from "../support/cli.ts";

const COMMANDS = [
  ["demo"],
  ["init"],
  ["run"],
  ["check"],
  ["migrate"],
  ["status"],
  ["keys"],
  ...["new", "list", "add", "promote", "retire", "destroy", "rewrap", "takeover"].map((name) => ["keys", name]),
  ["mask"],
  ["duplicates"],
  ["lookup"],
  ["erase"],
  ["reveal"],
  ["quarantine"],
  ...["list", "show", "replay", "discard"].map((name) => ["quarantine", name]),
  ["redrive"],
  ["load"],
  ["schema"],
  ["version"],
  ["completion"],
];

function pathsOf(command: Command, path: readonly string[] = []): readonly string[][] {
  return command.commands
    .filter((child) => child.name() !== "help")
    .flatMap((child) => [[...path, child.name()], ...pathsOf(child, [...path, child.name()])]);
}

describe("the command line", () => {
  it("has the commands of this list", () => {
    const commands = pathsOf(buildProgram(async () => {})).map((words) => words.join(" "));
    expect(commands.toSorted()).toEqual(COMMANDS.map((words) => words.join(" ")).toSorted());
  });

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

  it("explains at the end of its help what concerns all commands: output, exit codes, environment, files", async () => {
    const { stdout } = await runCli(["--help"]);
    for (const title of ["Output", "Exit codes", "Environment", "Files"]) expect(stdout).toContain(`\n${title}:\n`);
    for (const code of Object.values(EXIT_CODES)) expect(stdout).toMatch(new RegExp(`^ {2}${code} +[a-z]`, "m"));
  });

  it.each([
    [["rnu"], "run"],
    [["quarantin", "lst"], "quarantine"],
    [["quarantine", "lst"], "list"],
    [["keys", "rewarp"], "rewrap"],
    [["help", "quarantin"], "quarantine"],
    [["help", "keys", "nwe"], "new"],
    [["keys", "help", "nwe"], "new"],
    [["run", "--untilempty"], "--until-empty"],
    [["run", "--log-level", "inf"], "info"],
    [["quarantine", "list", "--state", "pendin"], "pending"],
    [["quarantine", "list", "--code", "field.typ"], "field.type"],
    [["completion", "bsh"], "bash"],
  ])("of %j suggests what was meant, and exits with 2", async (args, meant) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(`Did you mean ${meant}?`);
  });

  it.each([
    [["help"], ["--help"]],
    [
      ["help", "run"],
      ["run", "--help"],
    ],
    [
      ["help", "keys"],
      ["keys", "--help"],
    ],
    [
      ["help", "keys", "new"],
      ["keys", "new", "--help"],
    ],
    [
      ["keys", "help", "new"],
      ["keys", "new", "--help"],
    ],
  ])("%j is the same as %j", async (args, same) => {
    const result = await runCli(args);
    expect(result.code).toBe(0);
    expect(result).toEqual(await runCli(same));
  });

  it.each([
    [["statsu"], "statsu", "status"],
    [["statsu", "--help"], "statsu", "status"],
    [["--help", "statsu"], "statsu", "status"],
    [["-h", "statsu", "--json"], "statsu", "status"],
    [["keys", "mew", "--help"], "mew", "new"],
    [["quarantine", "shwo", "-h"], "shwo", "show"],
  ])("%j is an unknown command, whether help is asked for or not", async (args, word, meant) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`unknown command '${word}'`);
    expect(stderr).toContain(`Did you mean ${meant}?`);
  });

  it("with nothing near, it says so alone", async () => {
    const { code, stdout, stderr } = await runCli(["xyzzy", "--help"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("unknown command 'xyzzy'");
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
