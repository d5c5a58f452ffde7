import { expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { Access } from "./access.ts";

const HOUR_MS = 3_600_000;

function access() {
  let nowMs = 0;
  const opened = new Access("a-token-of-more-than-16", { ...systemClock, elapsedMs: () => nowMs });
  return {
    begin: (): string => opened.cookie(4780).split(";")[0] ?? "",
    isIn: (cookies: string): boolean => opened.hasCookie(cookies, 4780),
    pass: (hours: number): void => void (nowMs += hours * HOUR_MS),
  };
}

it("gives each browser a session of its own, which ends", () => {
  const { begin, isIn, pass } = access();
  const first = begin();
  pass(11);
  const second = begin();
  expect(second).not.toBe(first);
  expect([isIn(first), isIn(`other=1; ${second}`), isIn(`${first}x`), isIn("piipe_dashboard_4780=")]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  pass(1);
  expect([isIn(first), isIn(second)]).toEqual([false, true]);
});

it("ends the oldest where there are too many", () => {
  const { begin, isIn } = access();
  const sessions = Array.from({ length: 51 }, begin);
  expect(sessions.filter((session) => !isIn(session))).toEqual([sessions[0]]);
});
