import { describe, expect, it } from "vitest";
import { createLineWriter } from "../../telemetry/log.ts";
import { type SupervisorEvent, logSupervisor } from "./supervisor-log.ts";

const replaced: SupervisorEvent = {
  type: "worker.replaced",
  worker: 2,
  exitCode: 1,
  signal: null,
  error: {
    code: "bug",
    message: "unexpected TypeError, a bug in piipe",
    hint: "Please report it:\n    at f (f.js:1:1)",
  },
  failures: 1,
  delayMs: 1_000,
};

function log(format: "json" | "text", event: SupervisorEvent): string {
  const lines: string[] = [];
  logSupervisor(createLineWriter({ write: (line) => lines.push(line), format, level: "info" }))(event);
  return lines.join("");
}

describe("logSupervisor", () => {
  it("tells the whole error of a worker that is started again: it is printed nowhere else", () => {
    expect(JSON.parse(log("json", replaced))).toMatchObject(replaced);
    const text = log("text", replaced);
    expect(text).toContain("worker 2 ended with exit code 1 [bug]; started again in 1000 ms: unexpected TypeError");
    expect(text).toContain("\n      at f (f.js:1:1)\n");
  });

  it("says how a worker ended that could not say so itself", () => {
    const silent = { ...replaced, exitCode: null, error: null };
    expect(log("text", { ...silent, signal: "SIGKILL" })).toContain("worker 2 was ended by SIGKILL;");
    expect(log("text", silent)).toContain("worker 2 could not be started;");
  });
});
