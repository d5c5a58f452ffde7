import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import type { Delivery, Settlement } from "../../pipeline/contracts.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import { InvocationSource } from "./invocation-source.ts";

const NEVER = new AbortController().signal;
const DELETE: Settlement = { kind: "delete" };
const RELEASE: Settlement = { kind: "release", delaySeconds: 0 };

const messageOf = (id: string, changes: object = {}) => ({
  MessageId: id,
  ReceiptHandle: `receipt-${id}`,
  Body: id,
  MD5OfBody: hash("md5", id),
  Attributes: { ApproximateReceiveCount: "2", SentTimestamp: "1000", MessageGroupId: "g" },
  ...changes,
});

function sourceOf(
  messages: readonly ReturnType<typeof messageOf>[],
  name = "logins",
  attributeNames: readonly string[] = [],
) {
  const told: TelemetryEvent[] = [];
  const options = { attributeNames, clock: systemClock, emit: (event: TelemetryEvent) => void told.push(event) };
  const source = new InvocationSource({ arn: `arn:aws:sqs:eu-west-1:123456789012:${name}`, messages }, options);
  return { source, told };
}

describe("InvocationSource", () => {
  it("gives the messages in order, as many as there is room for, with what SQS knows of them", async () => {
    const MessageAttributes = { locale: { StringValue: "US" }, other: { StringValue: "x" } };
    const { source } = sourceOf([messageOf("a", { MessageAttributes }), messageOf("b"), messageOf("c")], "l", [
      "locale",
    ]);
    const [first] = await source.receive(1, NEVER);
    expect(first).toMatchObject({ id: "a", body: "a", attempt: 2, sentAtMs: 1_000, groupId: "g", bytes: 3 });
    expect(first?.attributes).toEqual(new Map([["locale", "US"]]));
    expect(source.hasMore).toBe(true);
    expect((await source.receive(5, NEVER)).map(({ id }) => id)).toEqual(["b", "c"]);
    expect(source.hasMore).toBe(false);
    expect(await source.receive(5, NEVER)).toEqual([]);
  });

  it("keeps what is released, and what was never settled", async () => {
    const { source } = sourceOf(["a", "b", "c", "d"].map((id) => messageOf(id)));
    const [a, b, c] = await source.receive(3, NEVER);
    if (!a || !b || !c) throw new Error("there are three");
    const settled = new Map<Delivery, Settlement>([
      [a, DELETE],
      [b, RELEASE],
    ]);
    expect(await source.settle(settled)).toEqual({ deleted: 1, released: 1, failed: 0 });
    expect(source.kept).toEqual(["b", "c", "d"]);
  });

  it("ends its last wait when all is settled, or at the stop", async () => {
    const { source } = sourceOf([messageOf("a")]);
    const [a] = await source.receive(1, NEVER);
    const stop = new AbortController();
    stop.abort();
    expect(await source.receive(1, stop.signal)).toEqual([]);
    const last = source.receive(1, NEVER);
    await source.settle(new Map(a ? [[a, DELETE]] : []));
    expect(await last).toEqual([]);
  });

  it("gives a message once that the event holds twice", async () => {
    const { source } = sourceOf([messageOf("a"), messageOf("a")]);
    const given = await source.receive(5, NEVER);
    expect(given).toHaveLength(1);
    await source.settle(new Map(given.map((each) => [each, DELETE])));
    expect(source.kept).toEqual([]);
  });

  it("gives no damaged message, and of a FIFO queue none behind it; tells of it by its id", async () => {
    const messages = [messageOf("a"), messageOf("b", { MD5OfBody: "0" }), messageOf("c")];
    const standard = sourceOf(messages);
    expect(standard.source.ordered).toBe(false);
    expect(standard.told).toEqual([{ type: "delivery.corrupt", count: 1, messageIds: ["b"] }]);
    const fifo = sourceOf(messages, "logins.fifo");
    expect(fifo.source.ordered).toBe(true);
    const given = await fifo.source.receive(5, NEVER);
    expect(given.map(({ id }) => id)).toEqual(["a"]);
  });

  it("refuses a message without a time of sending", () => {
    expect(() => sourceOf([messageOf("a", { Attributes: {} })])).toThrowError(
      expect.objectContaining({ code: "lambda.event" }),
    );
  });
});
