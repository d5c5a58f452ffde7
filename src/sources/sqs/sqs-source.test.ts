import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { until } from "../../../tests/support/until.ts";
import { systemClock } from "../../clock.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import type { ActionInputs, ActionOutputs, SqsCaller, SqsMessage } from "./client/sqs-actions.ts";
import { SqsSource } from "./sqs-source.ts";

const NEVER = new AbortController().signal;

/** A queue whose replies to ReceiveMessage come at the test's word; what is asked of it else is done. */
class ScriptedQueue {
  readonly released: string[] = [];
  readonly #polls: Array<(messages: readonly SqsMessage[]) => void> = [];

  readonly call = ((action: string, input: ActionInputs["ChangeMessageVisibilityBatch"], signal: AbortSignal) =>
    action === "ReceiveMessage" ? this.#poll(signal) : this.#settle(input)) as SqsCaller["call"];

  async reply(...ids: readonly string[]): Promise<void> {
    await until("a poll is under way", () => this.#polls.length > 0);
    this.#polls.shift()?.(ids.map(messageOf));
    await setImmediate();
  }

  #poll(signal: AbortSignal): Promise<ActionOutputs["ReceiveMessage"]> {
    return new Promise((resolve, reject) => {
      const end = (): void => reject(signal.reason as Error);
      if (signal.aborted) end();
      signal.addEventListener("abort", end);
      this.#polls.push((messages) => resolve({ Messages: messages }));
    });
  }

  #settle({ Entries }: ActionInputs["ChangeMessageVisibilityBatch"]): Promise<ActionOutputs["DeleteMessageBatch"]> {
    for (const { ReceiptHandle, VisibilityTimeout } of Entries) {
      if (VisibilityTimeout === 0) this.released.push(ReceiptHandle);
    }
    return Promise.resolve({ Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] });
  }
}

function messageOf(id: string): SqsMessage {
  return {
    MessageId: id,
    ReceiptHandle: `h-${id}`,
    Body: id,
    MD5OfBody: createHash("md5").update(id).digest("hex"),
    Attributes: { SentTimestamp: String(Date.now()), ApproximateReceiveCount: "1" },
  };
}

function open(clock: Clock = systemClock) {
  const queue = new ScriptedQueue();
  const events: TelemetryEvent[] = [];
  const source = new SqsSource({
    client: queue,
    queue: { url: "http://q", arn: "arn:aws:sqs:r:1:q", isFifo: false },
    visibilitySeconds: 1,
    waitSeconds: 20,
    lingerMs: 0,
    attributeNames: [],
    giveUpAfterMs: null,
    clock,
    emit: (event) => events.push(event),
    closeClient: () => Promise.resolve(),
  });
  return { queue, events, source };
}

it("keeps what it holds invisible after a stop as well, until it is closed", async () => {
  const { queue, events, source } = open();
  const stop = new AbortController();
  const receiving = source.receive(100, stop.signal);
  await queue.reply("m1");
  const deliveries = await receiving;
  stop.abort();
  const extensions = (): TelemetryEvent[] => events.filter(({ type }) => type === "visibility.extended");
  await until("it is extended twice", () => extensions().length >= 2, 10_000);
  expect(extensions()[1]).toEqual({ type: "visibility.extended", count: 1, failed: 0 });
  await source.settle(new Map(deliveries.map((delivery) => [delivery, { kind: "delete" }])), NEVER);
  await source.close();
});

/** A grace of no time ends at once; any other lasts as long as the test. */
const longGrace: Clock = {
  ...systemClock,
  sleep: (delayMs, signal) => (delayMs === 0 ? Promise.resolve() : systemClock.sleep(3_600_000, signal)),
};

it("gives back what a poll brings after the stop: it would stay hidden for its whole timeout", async () => {
  const { queue, source } = open(longGrace);
  const stop = new AbortController();
  const receiving = source.receive(100, stop.signal);
  await queue.reply("m1");
  expect((await receiving).map(({ id }) => id)).toEqual(["m1"]);
  stop.abort();
  await setImmediate();
  await queue.reply("m2");
  expect(queue.released).toEqual([]);
  await source.close();
  expect(queue.released).toEqual(["h-m2"]);
});

it("gives back what a poll brings after the stop although one beside it has found nothing", async () => {
  const { queue, source } = open(longGrace);
  const stop = new AbortController();
  const receiving = source.receive(100, stop.signal);
  await queue.reply("a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
  expect(await receiving).toHaveLength(10);
  await queue.reply();
  stop.abort();
  await setImmediate();
  await queue.reply("late");
  await source.close();
  expect(queue.released).toEqual(["h-late"]);
});
