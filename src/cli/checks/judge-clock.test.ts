import { expect, it } from "vitest";
import { judgeClock } from "./judge-queue.ts";

it.each([
  ["SQS", 5_000, "ok", "agrees"],
  ["SQS", -5_000, "ok", "agrees"],
  ["SQS", 6_000, "warning", "6 seconds behind"],
  ["SQS", -300_000, "warning", "300 seconds ahead of"],
  ["SQS", -301_000, "error", "301 seconds ahead of"],
  ["PostgreSQL", 301_000, "warning", "301 seconds behind"],
] as const)("%s, %d ms away: %s", (other, offsetMs, level, text) => {
  const [finding] = judgeClock(other, offsetMs);
  expect(finding).toMatchObject({ level, text: expect.stringContaining(`${text} `) });
  expect(finding?.hint ?? "NTP").toContain("NTP");
  expect(finding?.code).toBe(level === "error" ? "queue.credentials" : null);
});

it("says nothing of a clock that nobody knows", () => {
  expect(judgeClock("SQS", null)).toEqual([]);
});
