import { expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import { PiipeError } from "../../errors.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import { describeFailure } from "./client/describe-failure.ts";
import { replyFailure } from "./client/sqs-errors.ts";
import { PollFailures } from "./poll-failures.ts";

it("tells that receiving works again, once, and only after failures", async () => {
  const events: TelemetryEvent[] = [];
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  const failures = new PollFailures(null, clock, (event) => events.push(event));
  failures.reset();
  expect(events).toEqual([]);
  const failure = new PiipeError("queue.unreachable", "away", { retryable: true });
  expect(failures.isPassing(failure)).toBe(true);
  await failures.backOff(failure, new AbortController().signal);
  await failures.backOff(failure, new AbortController().signal);
  failures.reset();
  failures.reset();
  expect(events.map(({ type }) => type)).toEqual(["source.retried", "source.retried", "source.recovered"]);
});

it("tells with a pause whether the request was refused for its time", async () => {
  const events: TelemetryEvent[] = [];
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  const failures = new PollFailures(null, clock, (event) => events.push(event));
  const context = { action: "ReceiveMessage", queue: "q", region: "r", origin: "http://127.0.0.1" } as const;
  const skewed = describeFailure(replyFailure("RequestTimeTooSkewed", 403, null), context);
  const corrected = describeFailure(replyFailure("SignatureDoesNotMatch", 403, 1).asSkewed(), context);
  const expired = describeFailure(replyFailure("ExpiredToken", 403, null), context);
  for (const failure of [skewed, corrected, expired]) {
    expect(failures.isPassing(failure)).toBe(true);
    await failures.backOff(failure, new AbortController().signal);
  }
  expect([skewed, corrected].map(({ hint }) => hint)).toEqual(Array(2).fill(expect.stringContaining("clock")));
  expect(events.map((event) => event.type === "source.retried" && event.isClockOff === true)).toEqual([
    true,
    true,
    false,
  ]);
});
