import { getMaxListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Clock } from "../../pipeline/contracts.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import type { ActionInputs, BatchOutput, SqsCaller } from "./client/sqs-actions.ts";
import { Tracker } from "./tracker.ts";
import { Visibility } from "./visibility.ts";

const VISIBILITY_SECONDS = 40;
const LOOK_MS = (VISIBILITY_SECONDS * 1_000) / 8;

type Input = ActionInputs["ChangeMessageVisibilityBatch"];

/** One look after the other, at the test's word. */
class LookClock implements Clock {
  #nowMs = 0;
  #wake: (() => void) | null = null;

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0;
  }

  sleep(_delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake);
    });
  }

  /** Ends the look under way and begins the next. */
  async tick(): Promise<void> {
    this.#nowMs += LOOK_MS;
    this.#wake?.();
    await setImmediate();
  }
}

function open(answer: (input: Input, signal: AbortSignal) => Promise<BatchOutput>) {
  const tracker = new Tracker();
  const clock = new LookClock();
  const events: TelemetryEvent[] = [];
  const sent: Input[] = [];
  const client = {
    call(_action: string, input: Input, signal: AbortSignal) {
      sent.push(input);
      return answer(input, signal);
    },
  } as unknown as SqsCaller;
  const closed = new AbortController();
  const options = { client, tracker, queueUrl: "http://q", visibilitySeconds: VISIBILITY_SECONDS, clock };
  const running = new Visibility({ ...options, emit: (event) => events.push(event) }).run(closed.signal);
  const close = async (): Promise<void> => {
    closed.abort();
    await running;
  };
  const hold = (id: string): void => {
    const receipt = { handle: `h-${id}`, attempt: 1, requestedAtMs: clock.nowMs(), receivedAtMs: clock.nowMs() };
    tracker.receive(id, receipt, VISIBILITY_SECONDS);
  };
  return { tracker, clock, events, sent, hold, close };
}

const allDone = ({ Entries }: Input): Promise<BatchOutput> =>
  Promise.resolve({ Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] });

it("extends what has less than half of its time left", async () => {
  const { tracker, clock, events, sent, hold, close } = open(allDone);
  hold("a");
  for (let look = 0; look < 4; look += 1) await clock.tick();
  expect(sent).toEqual([]);
  await clock.tick();
  expect(sent.map(({ Entries }) => Entries)).toEqual([[{ Id: "0", ReceiptHandle: "h-a", VisibilityTimeout: 40 }]]);
  expect(tracker.get("a")).toMatchObject({ visibleAtMs: 65_000 });
  expect(events).toEqual([{ type: "visibility.extended", count: 1, failed: 0 }]);
  await close();
});

it("extends again at the next look what a reply does not mention", async () => {
  const { tracker, clock, events, sent, hold, close } = open(async (input) => {
    const { Successful, Failed } = await allDone(input);
    return { Successful: [...Successful.slice(1), { Id: "7" }], Failed };
  });
  hold("a");
  hold("b");
  for (let look = 0; look < 6; look += 1) await clock.tick();
  expect(sent.map(({ Entries }) => Entries.map((entry) => entry.ReceiptHandle))).toEqual([["h-a", "h-b"], ["h-a"]]);
  expect(tracker.get("a")).toMatchObject({ visibleAtMs: 40_000, isLost: false });
  expect(events[0]).toEqual({ type: "visibility.extended", count: 1, failed: 1 });
  await close();
});

it("does not call a failure what was settled while it was to be extended", async () => {
  let reply: ((output: BatchOutput) => void) | undefined;
  const { tracker, clock, events, hold, close } = open(() => new Promise((resolve) => (reply = resolve)));
  hold("a");
  hold("b");
  for (let look = 0; look < 5; look += 1) await clock.tick();
  Object.assign(tracker.get("a") ?? {}, { isSettling: true });
  reply?.({ Successful: [{ Id: "1" }], Failed: [{ Id: "0", Code: "ReceiptHandleIsInvalid", SenderFault: true }] });
  await clock.tick();
  expect(events[0]).toEqual({ type: "visibility.extended", count: 1, failed: 0 });
  await close();
});

it("extends no more what SQS refuses, until it is received anew", async () => {
  const { tracker, clock, sent, hold, close } = open(() =>
    Promise.resolve({ Successful: [], Failed: [{ Id: "0", Code: "ReceiptHandleIsInvalid", SenderFault: true }] }),
  );
  hold("a");
  for (let look = 0; look < 10; look += 1) await clock.tick();
  expect(sent).toHaveLength(1);
  expect(tracker.get("a")).toMatchObject({ isLost: true });
  hold("a");
  for (let look = 0; look < 10; look += 1) await clock.tick();
  expect(sent).toHaveLength(2);
  await close();
});

it("gives a request that hangs no longer than its look, so that the next one can save its messages", async () => {
  let isHanging = true;
  const { tracker, clock, events, hold, close } = open((input, signal) => {
    if (!isHanging) return allDone(input);
    isHanging = false;
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  });
  hold("a");
  for (let look = 0; look < 6; look += 1) await clock.tick();
  expect(events).toEqual([
    { type: "visibility.extended", count: 0, failed: 1 },
    { type: "visibility.extended", count: 1, failed: 0 },
  ]);
  expect(tracker.get("a")).toMatchObject({ visibleAtMs: 70_000 });
  await close();
});

it("extends hundreds at once without a warning of Node's in the log", async () => {
  let atOnce = 0;
  const { clock, sent, hold, close } = open((_input, signal) => {
    atOnce += 1;
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  });
  const warnings: Error[] = [];
  const note = (warning: Error): unknown => warnings.push(warning);
  process.on("warning", note);
  for (let each = 0; each < 500; each += 1) hold(`m${each}`);
  for (let look = 0; look < 5; look += 1) await clock.tick();
  expect(sent).toHaveLength(atOnce);
  expect(atOnce).toBeGreaterThan(getMaxListeners(new EventTarget()));
  expect(warnings).toEqual([]);
  process.off("warning", note);
  await clock.tick();
  await close();
});

it("asks for what is left of twelve hours since the receive, then for nothing", async () => {
  const limitMs = 180_000;
  const ends: number[] = [];
  const { tracker, clock, close } = open((input) => {
    ends.push(clock.nowMs() + (input.Entries[0]?.VisibilityTimeout ?? 0) * 1_000);
    return allDone(input);
  });
  const requestedAtMs = limitMs - 12 * 3_600_000;
  tracker.receive("a", { handle: "h", attempt: 1, requestedAtMs, receivedAtMs: requestedAtMs }, VISIBILITY_SECONDS);
  while (clock.nowMs() < 2 * limitMs) await clock.tick();
  expect(Math.max(...ends)).toBe(limitMs);
  expect(ends.at(-1)).toBe(limitMs);
  await close();
});
