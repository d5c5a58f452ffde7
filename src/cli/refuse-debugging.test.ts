import { describe, expect, it } from "vitest";
import { PiipeError } from "../errors.ts";
import { buildProgram } from "./program.ts";
import { type Inspection, isGuarded, refuseDebugging } from "./refuse-debugging.ts";

const SAFE: Inspection = { execArgv: [], environment: {}, inspectorUrl: undefined, writesReports: false };

function refusal(change: Partial<Inspection>): PiipeError | null {
  try {
    refuseDebugging({ ...SAFE, ...change });
    return null;
  } catch (error) {
    if (error instanceof PiipeError) return error;
    throw error;
  }
}

describe("refuseDebugging", () => {
  it.each([
    ["--inspect", "--inspect"],
    ["--inspect=0.0.0.0:9229", "--inspect"],
    ["--inspect-brk", "--inspect-brk"],
    ["--inspect_wait=0", "--inspect-wait"],
    ["--heapsnapshot-signal=SIGUSR2", "--heapsnapshot-signal"],
    ["--heapsnapshot_near_heap_limit=1", "--heapsnapshot-near-heap-limit"],
    ["--heap-prof", "--heap-prof"],
    ["--report-on-signal", "--report-on-signal"],
    ["--report-uncaught-exception", "--report-uncaught-exception"],
    ["--abort-on-uncaught-exception", "--abort-on-uncaught-exception"],
    ["--trace", "--trace"],
    ["--tls-keylog=/tmp/keys", "--tls-keylog"],
    ["--trace-tls", "--trace-tls"],
    ["--trace-deopt-verbose", "--trace-deopt-verbose"],
    ["--trace_regexp_bytecodes", "--trace-regexp-bytecodes"],
    ["--print-all-exceptions", "--print-all-exceptions"],
    ["-print_all_exceptions", "--print-all-exceptions"],
    ["--print-handles", "--print-handles"],
    ["--log", "--log"],
    ["--log-all", "--log-all"],
    ["--log_function_events", "--log-function-events"],
    ["--logfile=/tmp/keys", "--logfile"],
    ["--build-snapshot", "--build-snapshot"],
    ["--abort-on-stack-or-string-length-overflow", "--abort-on-stack-or-string-length-overflow"],
    ["--experimental-config-file=/tmp/keys", "--experimental-config-file"],
  ])("%s, on the command line and in NODE_OPTIONS: names %s", (flag, name) => {
    for (const change of [
      { execArgv: ["--no-warnings", flag] },
      { environment: { NODE_OPTIONS: ` --no-warnings  "${flag}" ` } },
    ]) {
      const error = refusal(change);
      expect(error?.code).toBe("usage.invalid");
      expect(error?.message).toContain(`${name}:`);
      expect(error?.message).not.toContain("/tmp/keys");
      expect(error?.message).toContain("raw values and keys");
      expect(error?.hint).toContain("--allow-debug");
    }
  });

  it.each([
    ['"--in\\spect"', true],
    ['"--in\\s\\pect=0"', true],
    ['--in"spect"', true],
    ['"--no-warnings" "--log\\-all"', true],
    ['--title="a \\" b" --inspect', true],
    ['--title="a \\" --inspect"', false],
    ["--in\\spect", false],
    ["--no-warnings\t--inspect", false],
    ['--title="x --inspect"', false],
  ])("reads NODE_OPTIONS=%s as Node does", (text, isRefused) => {
    expect(refusal({ environment: { NODE_OPTIONS: text } }) !== null).toBe(isRefused);
  });

  it.each(["NODE_DEBUG", "NODE_DEBUG_NATIVE"])("%s, unless it is empty", (name) => {
    expect(refusal({ environment: { [name]: "child_process" } })?.message).toMatch(`the environment has ${name}:`);
    expect(refusal({ environment: { [name]: "" } })).toBeNull();
  });

  it("a debugger that was started otherwise, and reports", () => {
    expect(refusal({ inspectorUrl: "ws://127.0.0.1:9229/x" })?.message).toContain("debugger");
    expect(refusal({ writesReports: true })?.message).toContain("reports");
  });

  it.each([
    "",
    "--max-old-space-size=512",
    "--enable-source-maps --no-warnings",
    "--inspect-port=0",
    "--cpu-prof",
    "--trace-warnings",
    '--require "./has --inspect in its name.js"',
    "--disable-sigusr1",
    "--trace-gc --trace-gc-verbose --trace-uncaught --trace-exit --trace-event-categories=v8 --trace-opt",
    "--no-log --title=log",
  ])("starts with %j", (nodeOptions) => {
    expect(refusal({ environment: { NODE_OPTIONS: nodeOptions } })).toBeNull();
    expect(refusal({ execArgv: nodeOptions.includes('"') ? [] : nodeOptions.split(" ") })).toBeNull();
  });
});

describe("--allow-debug", () => {
  const leaves = (program = buildProgram(async () => {})): ReturnType<typeof buildProgram>[] =>
    program.commands.flatMap((command) => (command.commands.length > 0 ? leaves(command) : [command]));

  it("every command is guarded but those that see neither events nor keys", () => {
    const unguarded = leaves().filter((command) => !isGuarded(command));
    const names = new Set(unguarded.map((command) => command.name()));
    expect([...names].toSorted()).toEqual(["completion", "help", "schema", "version"]);
  });

  it("takes the guard away", () => {
    for (const command of leaves().filter(isGuarded)) {
      command.setOptionValue("allowDebug", true);
      expect(isGuarded(command)).toBe(false);
    }
  });
});
