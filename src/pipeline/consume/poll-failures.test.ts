import { expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import { PiipeError } from "../../errors.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
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
