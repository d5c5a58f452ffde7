import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import { MalformedReply } from "./client/reply-shape.ts";
import type { SqsMessage } from "./client/sqs-actions.ts";
import { Intake } from "./intake.ts";
import { Tracker } from "./tracker.ts";

function open(attributeNames: readonly string[] = []) {
  const tracker = new Tracker();
  const intake = new Intake(tracker, systemClock, 30, attributeNames);
  return { tracker, intake };
}

function message(id: string, handle: string, more: Partial<SqsMessage> = {}): SqsMessage {
  const Body = `body of ${id}`;
  return {
    MessageId: id,
    ReceiptHandle: handle,
    Body,
    MD5OfBody: createHash("md5").update(Body).digest("hex"),
    Attributes: { SentTimestamp: "1", ApproximateReceiveCount: "1" },
    ...more,
  };
}

const CORRUPT = { Body: "changed on the way" };

it("takes a message that comes twice in one reply once, with the handle that SQS counts as the newer", () => {
  for (const handles of [
    ["h1", "h2"],
    ["h2", "h1"],
  ]) {
    const { tracker, intake } = open();
    const messages = handles.map((handle) =>
      message("a", handle, { Attributes: { SentTimestamp: "1", ApproximateReceiveCount: handle.slice(1) } }),
    );
    const { deliveries, bytes } = intake.accept(messages, Date.now() - 1_000);
    expect(deliveries.map(({ id }) => id)).toEqual(["a"]);
    expect(bytes).toBe("body of a".length);
    expect(tracker.get("a")).toMatchObject({ receiptHandle: "h2" });
  }
});

it("takes only the handle of a damaged copy of what it holds: releasing that would give the message away", () => {
  const { tracker, intake } = open();
  intake.accept([message("a", "h1")], Date.now());
  expect(intake.accept([message("a", "h2", CORRUPT)], Date.now())).toEqual({
    deliveries: [],
    bytes: 0,
    corrupt: [],
    withheld: [],
  });
  expect(tracker.get("a")).toMatchObject({ receiptHandle: "h2" });
});

it("takes the intact one of two copies in one reply", () => {
  for (const copies of [
    [CORRUPT, {}],
    [{}, CORRUPT],
  ]) {
    const { tracker, intake } = open();
    const { deliveries, corrupt } = intake.accept(
      copies.map((more) => message("a", "h", more)),
      Date.now(),
    );
    expect(deliveries.map(({ body }) => body)).toEqual(["body of a"]);
    expect(corrupt).toEqual([]);
    expect(tracker.size).toBe(1);
  }
});

it.each(["8640000000000001", "9007199254740991", "253402300800000", "-1", "1.5", "now", ""])(
  "gives back alone a message whose SentTimestamp is %j, and takes its neighbours",
  (SentTimestamp) => {
    const { tracker, intake } = open();
    const odd = message("b", "h2", { Attributes: { SentTimestamp, ApproximateReceiveCount: "1" } });
    const { deliveries, corrupt } = intake.accept([message("a", "h1"), odd, message("c", "h3")], Date.now());
    expect(deliveries.map(({ id }) => id)).toEqual(["a", "c"]);
    expect(corrupt).toEqual([odd]);
    expect(tracker.get("b")).toBeUndefined();
  },
);

it("tracks nothing of a reply in which a message lacks what every message has", () => {
  const { tracker, intake } = open();
  const lacking = message("b", "h2", { Attributes: {} });
  expect(() => intake.accept([message("a", "h1"), lacking], Date.now())).toThrow(MalformedReply);
  expect(tracker.size).toBe(0);
});

it("counts the bytes of the attributes that it keeps, and of no other", () => {
  const { intake } = open(["tenant"]);
  const MessageAttributes = {
    tenant: { DataType: "String", StringValue: "é".repeat(1_000) },
    other: { DataType: "String", StringValue: "x".repeat(1_000) },
  };
  const { deliveries, bytes } = intake.accept([message("a", "h1", { MessageAttributes })], Date.now());
  expect(deliveries[0]?.bytes).toBe("body of a".length + 2_000);
  expect(bytes).toBe("body of a".length + 2_000);
});
