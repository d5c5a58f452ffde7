import { expect, it, onTestFinished, vi } from "vitest";
import { ModelSink } from "../../tests/support/model-sink.ts";
import { systemClock } from "../clock.ts";
import { PiipeError } from "../errors.ts";
import { writeWithRetry } from "./write-with-retry.ts";

it("leaves no trace of each try in the signals, which outlive it", async () => {
  const combined = vi.spyOn(AbortSignal, "any");
  onTestFinished(() => combined.mockRestore());
  const sink = new ModelSink();
  let tries = 0;
  sink.beforeWrite = () => {
    tries += 1;
    if (tries <= 50) throw new PiipeError("database.unreachable", "away", { retryable: true });
  };
  const never = new AbortController().signal;
  const write = writeWithRetry(
    sink,
    { records: [], refused: [] },
    {
      clock: { ...systemClock, sleep: () => Promise.resolve() },
      emit: () => {},
      abort: never,
      stop: never,
      failed: never,
      giveUpAfterMs: null,
    },
  );
  expect(await write).toEqual({ records: [], refused: [] });
  expect(tries).toBe(51);
  expect(combined.mock.calls.length).toBeLessThanOrEqual(2);
});
