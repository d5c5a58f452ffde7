import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../failure.ts";
import { type Circumstances, type ExitVerdict, exitCodeFor, judgeExit } from "./judge-exit.ts";

const RUNNING: Circumstances = { isStopping: false, untilEmpty: false, hasStarted: true, hasAnyStarted: true };

describe("judgeExit", () => {
  it.each<[number | string | null, ExitVerdict, Partial<Circumstances>]>([
    [0, "stopped", {}],
    [0, "done", { untilEmpty: true }],
    [130, "stopped", {}],
    [1, "failed", {}],
    [4, "failed", {}],
    [4, "failed", { hasStarted: false }],
    [4, "final", { hasStarted: false, hasAnyStarted: false }],
    [2, "final", {}],
    [3, "final", {}],
    [5, "final", { untilEmpty: true }],
    ["SIGKILL", "failed", {}],
    ["SIGKILL", "failed", { hasStarted: false, hasAnyStarted: false }],
    [null, "failed", {}],
    [13, "failed", {}],
  ])("%s while running: %s %j", (end, verdict, circumstances) => {
    expect(judgeExit(exitOf(end), { ...RUNNING, ...circumstances })).toBe(verdict);
  });

  it.each<[number | string | null, ExitVerdict, Partial<Circumstances>]>([
    [0, "done", {}],
    [130, "final", {}],
    [4, "final", {}],
    ["SIGKILL", "final", {}],
    ["SIGTERM", "final", {}],
    ["SIGTERM", "done", { hasStarted: false }],
    ["SIGINT", "done", { hasStarted: false, hasAnyStarted: false }],
    ["SIGHUP", "done", { hasStarted: false }],
    ["SIGKILL", "final", { hasStarted: false }],
  ])("%s while all are stopped: %s %j", (end, verdict, circumstances) => {
    expect(judgeExit(exitOf(end), { ...RUNNING, isStopping: true, ...circumstances })).toBe(verdict);
  });
});

describe("exitCodeFor", () => {
  it("passes piipe's own codes on, and takes all else for a bug", () => {
    for (const code of Object.values(EXIT_CODES)) expect(exitCodeFor(exitOf(code))).toBe(code);
    for (const end of ["SIGKILL", null, 13]) expect(exitCodeFor(exitOf(end))).toBe(EXIT_CODES.bug);
  });
});

function exitOf(end: number | string | null) {
  return typeof end === "string" ? { code: null, signal: end } : { code: end, signal: null };
}
