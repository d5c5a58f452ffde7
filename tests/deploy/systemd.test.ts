import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../src/cli/failure.ts";
import { findProgram, runProgram } from "../support/programs.ts";

const FILE = fileURLToPath(new URL("../../deploy/systemd/piipe.service", import.meta.url));
const unit = await readFile(FILE, "utf8");
const setting = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1];

it("starts piipe again after what passes by itself, and not after what somebody has to mend", () => {
  expect(setting("Restart")).toBe("on-failure");
  expect(setting("RestartPreventExitStatus")?.split(" ").map(Number)).toEqual([
    EXIT_CODES.usage,
    EXIT_CODES.config,
    EXIT_CODES.data,
  ]);
});

it("gives it more time to stop than it takes to drain", () => {
  const drainSeconds = Number(/--drain-timeout (\d+)/.exec(setting("ExecStart") ?? "")?.[1]);
  expect(Number(setting("TimeoutStopSec"))).toBeGreaterThan(drainSeconds + 5);
});

it("passes no secret on the command line", () => {
  expect(unit).not.toMatch(/^Environment=.*(?:DATABASE_URL|PIIPE_KEYS)/m);
  expect(setting("EnvironmentFile")).toBe("/etc/piipe/piipe.env");
});

describe.skipIf(findProgram("systemd-analyze") === null)("systemd-analyze (needs systemd)", () => {
  it("reads all of it", async () => {
    const { output } = await runProgram("systemd-analyze", ["verify", FILE]);
    // That there is no node at this path of the machine is no fault of the unit.
    expect(output.split("\n").filter((line) => line !== "" && !/is not executable/.test(line))).toEqual([]);
  });

  it("finds hardly anything open", async () => {
    const { stdout } = await runProgram("systemd-analyze", ["security", "--offline=true", "--no-pager", FILE]);
    expect(Number(/exposure level for piipe\.service: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(2);
  });
});
