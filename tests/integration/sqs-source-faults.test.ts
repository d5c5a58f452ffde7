import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Clock } from "../../src/pipeline/contracts.ts";
import { openSqsSource, type OpenSqsSourceOptions } from "../../src/sources/sqs/open-sqs-source.ts";
import type { SqsSource } from "../../src/sources/sqs/sqs-source.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { type ProxyReply, type SqsProxy, sqsError, startSqsProxy } from "../support/sqs-proxy.ts";
import { localSource, receiveAll, settledWith } from "../support/sqs-source.ts";
import { callSqs, testSqs } from "../support/sqs.ts";

const NEVER = new AbortController().signal;

/** Real time, but pauses between attempts take none. */
const hastyClock: Clock = {
  ...systemClock,
  random: () => 0,
};

const sqs = testSqs();
let proxy: SqsProxy;
let source: SqsSource | null = null;
let events: TelemetryEvent[] = [];

beforeEach(async () => {
  events = [];
  proxy = await startSqsProxy(sqs.endpoint);
});

afterEach(async () => {
  await source?.close();
  source = null;
  await proxy.stop();
});

async function open(queue: string, more: Partial<OpenSqsSourceOptions> = {}): Promise<SqsSource> {
  source = await openSqsSource(
    localSource({
      queue,
      region: sqs.region,
      endpoint: proxy.endpoint,
      clock: hastyClock,
      emit: (event) => events.push(event),
      ...more,
    }),
  );
  return source;
}

async function queueOf(...bodies: string[]): Promise<{ name: string; url: string }> {
  const queue = await sqs.createTestQueue();
  await sqs.send(queue.url, bodies);
  return queue;
}

function md5Of(body: string): string {
  return createHash("md5").update(body).digest("hex");
}

/** Receipt handles of the first delete, which was denied. */
function deniedHandles(): string[] {
  const denied = proxy.requests.find(({ action }) => action === "DeleteMessageBatch");
  const entries = (denied?.input["Entries"] ?? []) as { ReceiptHandle: string }[];
  return entries.map((entry) => entry.ReceiptHandle);
}

/** Answers the first `times` requests of the action so, then lets all through. */
function fail(action: string, times: number, answer: ProxyReply | "hang up" | "hang"): void {
  let left = times;
  proxy.answer = (request) => (request.action === action && left-- > 0 ? answer : undefined);
}

it.each([
  ["a server error", sqsError("InternalError", 500), "queue.unavailable"],
  ["a server error without a body", { status: 503, body: "" }, "queue.unavailable"],
  ["throttling", sqsError("RequestThrottled"), "queue.throttled"],
  ["KMS throttling", sqsError("KmsThrottled"), "queue.throttled"],
  ["too many in flight", sqsError("OverLimit", 403), "queue.throttled"],
  ["a cut connection", "hang up", "queue.unreachable"],
  ["a reply cut off", { status: 200, body: '{"Messages":[{"MessageId":"x"' }, "queue.unavailable"],
  ["a message without its parts", { status: 200, body: '{"Messages":[{"MessageId":"x"}]}' }, "queue.unavailable"],
] as const)("keeps receiving through %s", async (_what, answer, code) => {
  const { name } = await queueOf("one");
  const opened = await open(name);
  // More failures than one request's three attempts: the source itself must go on.
  fail("ReceiveMessage", 7, answer);
  expect((await receiveAll(opened, 1)).map(({ body }) => body)).toEqual(["one"]);
  const retried = events.filter((event) => event.type === "source.retried");
  expect(retried).toHaveLength(7);
  for (const event of retried) expect(event).toMatchObject({ action: "ReceiveMessage", code });
});

it("deletes while receiving is refused as too many in flight", async () => {
  const { name, url } = await queueOf("one");
  const opened = await open(name);
  const deliveries = await receiveAll(opened, 1);
  fail("ReceiveMessage", Number.POSITIVE_INFINITY, sqsError("OverLimit", 403));
  const stop = new AbortController();
  const receiving = opened.receive(10, stop.signal);
  expect(await opened.settle(settledWith(deliveries, "delete"), NEVER)).toMatchObject({ deleted: 1 });
  stop.abort();
  expect(await receiving).toEqual([]);
  expect((await sqs.count(url)).total).toBe(0);
});

it("throws when the right to receive is taken away, naming the permission and nothing the server wrote", async () => {
  const { name } = await queueOf();
  const opened = await open(name);
  fail("ReceiveMessage", 1, sqsError("AccessDeniedException", 400));
  const error: unknown = await opened.receive(1, NEVER).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "queue.denied", retryable: false });
  expect((error as Error).message).toContain("sqs:ReceiveMessage");
  expect(`${String(error)} ${(error as { hint: string }).hint}`).not.toContain("canary");
});

it("corrects its clock by the server's and signs with that time", async () => {
  const { name } = await queueOf();
  const skewMs = 3_600_000;
  const date = new Date(Date.now() + skewMs).toUTCString();
  fail("GetQueueUrl", 1, sqsError("InvalidSignatureException", 403, { date }));
  await open(name);
  const [corrected] = events.filter((event) => event.type === "clock.corrected");
  expect(Math.abs((corrected?.offsetMs ?? 0) - skewMs)).toBeLessThan(5_000);
  const hours = proxy.requests.map(({ headers }) => String(headers["x-amz-date"]).slice(0, 11));
  expect(hours[0]).not.toBe(hours[1]);
  expect(hours[1]).toBe(new Date(date).toISOString().replaceAll(/[-:]/g, "").slice(0, 11));
});

it("signs again what was under way when another request's reply corrected the clock", async () => {
  const { name } = await queueOf();
  const opened = await open(name);
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  // Both were signed with the wrong time; the second reply comes when the clock is right already.
  fail("GetQueueAttributes", 2, sqsError("RequestTimeTooSkewed", 403, { date }));
  expect(await Promise.all([opened.depth(NEVER), opened.depth(NEVER)])).toEqual([0, 0]);
  expect(events.filter((event) => event.type === "clock.corrected")).toHaveLength(1);
});

it("does not take a wrong secret for a wrong clock", async () => {
  const { name } = await queueOf();
  fail("GetQueueUrl", 9, sqsError("SignatureDoesNotMatch", 403, { date: new Date().toUTCString() }));
  await expect(open(name)).rejects.toMatchObject({ code: "queue.credentials", retryable: false });
  expect(proxy.requests).toHaveLength(1);
});

it("refreshes expired credentials once, then asks for help", async () => {
  const { name } = await queueOf();
  fail("GetQueueUrl", 1, sqsError("ExpiredToken", 403));
  await open(name);
  expect(proxy.requests.filter(({ action }) => action === "GetQueueUrl")).toHaveLength(2);
  await source?.close();
  fail("GetQueueUrl", 9, sqsError("ExpiredToken", 403));
  await expect(open(name)).rejects.toMatchObject({ code: "queue.credentials" });
});

it("says that the endpoint is not SQS when it speaks neither protocol", async () => {
  proxy.answer = () => ({ status: 200, headers: { "content-type": "text/html" }, body: "<html>Welcome canary</html>" });
  await expect(open("any")).rejects.toMatchObject({
    code: "queue.unavailable",
    retryable: false,
    message: expect.not.stringContaining("canary") as string,
  });
});

it("says that nothing listens at the endpoint", async () => {
  await proxy.stop();
  await expect(open("any")).rejects.toMatchObject({
    code: "queue.unreachable",
    message: expect.stringContaining(proxy.endpoint) as string,
  });
});

it("releases a message whose digest is wrong, and only that one", async () => {
  const { name, url } = await queueOf("good", "bad");
  let hasDamaged = false;
  proxy.change = (request, reply) => {
    if (request.action !== "ReceiveMessage" || hasDamaged || !reply.body.includes('"bad"')) return reply;
    hasDamaged = true;
    return { ...reply, body: reply.body.replace('"bad"', '"bed"') };
  };
  const opened = await open(name);
  const released = new Promise<unknown>((resolve) => {
    proxy.answer = (request) => {
      if (request.action === "ChangeMessageVisibilityBatch") resolve(request.input["Entries"]);
      return undefined;
    };
  });
  expect((await opened.receive(10, NEVER)).map(({ body }) => body)).toEqual(["good"]);
  expect(await released).toEqual([expect.objectContaining({ VisibilityTimeout: 5 })]);
  expect(events).toContainEqual({
    type: "delivery.corrupt",
    count: 1,
    messageIds: [expect.stringMatching(/^[\w-]+$/)],
  });
  expect((await sqs.count(url)).total).toBe(2);
});

it("lets nothing of a FIFO group overtake a message of it whose digest is wrong", async () => {
  const { name } = await sqs.createTestQueue({ FifoQueue: "true" });
  const opened = await open(name);
  const message = (id: string, group: string, body = id): object => ({
    MessageId: id,
    ReceiptHandle: `handle-${id}`,
    Body: body,
    MD5OfBody: md5Of(id),
    Attributes: { SentTimestamp: "1", MessageGroupId: group },
  });
  const messages = [
    message("b1", "b"),
    message("a1", "a", "bad"),
    message("a2", "a"),
    message("b2", "b"),
    message("a3", "a"),
  ];
  const released = new Promise<unknown>((resolve) => {
    let isFirst = true;
    proxy.answer = ({ action, input }) => {
      if (action === "ChangeMessageVisibilityBatch") resolve(input["Entries"]);
      if (action !== "ReceiveMessage" || !isFirst) return undefined;
      isFirst = false;
      return { status: 200, body: JSON.stringify({ Messages: messages }) };
    };
  });
  expect((await opened.receive(10, NEVER)).map(({ id }) => id)).toEqual(["b1", "b2"]);
  expect(await released).toEqual(
    ["a1", "a2", "a3"].map((id, i) => ({ Id: String(i), ReceiptHandle: `handle-${id}`, VisibilityTimeout: 5 })),
  );
  expect(events).toContainEqual({ type: "delivery.corrupt", count: 1, messageIds: ["a1"] });
});

it("says that the right to delete is lacking, once the rest is settled, and holds none of it any more", async () => {
  const bodies = Array.from({ length: 26 }, (_, i) => `${i}`);
  const { name, url } = await queueOf(...bodies);
  const opened = await open(name);
  const deliveries = await receiveAll(opened, bodies.length);
  const settled = settledWith(deliveries.slice(1), "delete");
  for (const delivery of deliveries.slice(0, 1)) settled.set(delivery, { kind: "release", delaySeconds: 0 });
  // Of three batches one.
  fail("DeleteMessageBatch", 1, sqsError("AccessDeniedException"));
  expect(await opened.settle(settled, NEVER)).toMatchObject({
    deleted: 15,
    released: 1,
    failed: 10,
    refusal: {
      code: "queue.denied",
      retryable: false,
      message: expect.stringContaining("sqs:DeleteMessage") as string,
    },
  });
  expect(await sqs.count(url)).toMatchObject({ visible: 1, inFlight: 10 });
  // Makes what is left visible without the source's doing.
  const handles = deniedHandles();
  await callSqs(sqs.endpoint, "ChangeMessageVisibilityBatch", {
    QueueUrl: url,
    Entries: handles.map((handle, i) => ({ Id: String(i), ReceiptHandle: handle, VisibilityTimeout: 0 })),
  });
  expect(await receiveAll(opened, 11)).toHaveLength(11);
});

it("closes although what was never handed out cannot be released", async () => {
  const { name } = await queueOf(...Array.from({ length: 30 }, (_, i) => `${i}`));
  const opened = await open(name);
  fail("ChangeMessageVisibilityBatch", Number.POSITIVE_INFINITY, sqsError("AccessDeniedException"));
  // A full reply makes it fetch ahead: what comes after the first stays in its hands.
  await opened.receive(30, NEVER);
  await expect(opened.close()).resolves.toBeUndefined();
  expect(proxy.requests.map(({ action }) => action)).toContain("ChangeMessageVisibilityBatch");
});

it("gives up receiving after failing for so long without a success between", async () => {
  const { name } = await queueOf("one");
  let aheadMs = 0;
  const clock: Clock = { ...hastyClock, nowMs: () => Date.now() + aheadMs };
  const opened = await open(name, { clock, giveUpAfterMs: 60_000 });
  let failing = 6;
  proxy.answer = ({ action }) => {
    if (action !== "ReceiveMessage" || failing-- <= 0) return undefined;
    aheadMs += 15_000;
    return sqsError("InternalError", 500);
  };
  // Three attempts a request: 45 s from the first failed request to the second.
  expect((await receiveAll(opened, 1)).map(({ body }) => body)).toEqual(["one"]);
  failing = 6;
  expect(await opened.receive(1, NEVER)).toEqual([]);
  failing = Number.POSITIVE_INFINITY;
  const beforeMs = aheadMs;
  await expect(opened.receive(1, NEVER)).rejects.toMatchObject({ code: "queue.unavailable", retryable: true });
  expect(aheadMs - beforeMs).toBe(9 * 15_000);
});

it("gives up receiving also when every reply can be read and no message of it", async () => {
  const { name } = await queueOf("one");
  let aheadMs = 0;
  const clock: Clock = { ...hastyClock, nowMs: () => Date.now() + aheadMs };
  const opened = await open(name, { clock, giveUpAfterMs: 60_000 });
  proxy.change = (request, reply) => {
    if (request.action !== "ReceiveMessage") return reply;
    aheadMs += 15_000;
    const message = { MessageId: "x", ReceiptHandle: "h", Body: "b", MD5OfBody: md5Of("b"), Attributes: {} };
    return { ...reply, body: JSON.stringify({ Messages: [message] }) };
  };
  await expect(opened.receive(1, NEVER)).rejects.toMatchObject({ code: "queue.unavailable", retryable: true });
  expect(aheadMs).toBe(5 * 15_000);
});

it("ends the opening at once when told to, against an endpoint that hangs", async () => {
  for (const action of ["GetQueueUrl", "GetQueueAttributes"]) {
    const { name } = await queueOf();
    const stop = new AbortController();
    const hanging = new Promise<void>((resolve) => {
      proxy.answer = (request) => {
        if (request.action !== action) return undefined;
        resolve();
        return "hang";
      };
    });
    const opening = open(name, { signal: stop.signal });
    await hanging;
    const startedMs = performance.now();
    stop.abort();
    await expect(opening).rejects.toMatchObject({ code: "interrupted" });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  }
  await expect(open("any", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "interrupted" });
});

it("ends counting at once when told to", async () => {
  const { name } = await queueOf();
  const opened = await open(name);
  const stop = new AbortController();
  proxy.answer = () => {
    stop.abort();
    return "hang";
  };
  await expect(opened.depth(stop.signal)).rejects.toMatchObject({ code: "interrupted" });
});

it("sends failed entries of a delete again, but not those that can never succeed", async () => {
  const { name } = await queueOf("1", "2", "3", "4");
  const opened = await open(name);
  const deliveries = await receiveAll(opened, 4);
  const failures = [
    [
      { Id: "0", Code: "InternalError", SenderFault: false, Message: "" },
      { Id: "1", Code: "ReceiptHandleIsInvalid", SenderFault: true, Message: "" },
      { Id: "2", Code: "RequestThrottled", SenderFault: true, Message: "" },
    ],
    // Entries 0 and 2 come as 0 and 1.
    [{ Id: "1", Code: "InternalError", SenderFault: false, Message: "" }],
    [{ Id: "0", Code: "InternalError", SenderFault: false, Message: "" }],
  ];
  const successful = [[{ Id: "3" }], [{ Id: "0" }], []];
  const sizes: number[] = [];
  proxy.answer = ({ action, input }) => {
    if (action !== "DeleteMessageBatch") return undefined;
    const round = sizes.push((input["Entries"] as unknown[]).length) - 1;
    return { status: 200, body: JSON.stringify({ Successful: successful[round], Failed: failures[round] }) };
  };
  const failedIds = [deliveries[1]?.id, deliveries[2]?.id];
  const report = await opened.settle(settledWith(deliveries, "delete"), NEVER);
  expect(report).toEqual({ deleted: 2, released: 0, failed: 2, failedIds });
  expect(sizes).toEqual([4, 2, 1]);
});

it("does not deliver again what it holds, and deletes with the newest handle", async () => {
  const { name } = await queueOf("one");
  const opened = await open(name);
  const [delivery] = await receiveAll(opened, 1);
  let handle = "";
  // SQS may deliver twice within the visibility timeout: the same message under a new handle.
  proxy.change = (request, reply) => {
    if (request.action !== "ReceiveMessage" || handle !== "") return reply;
    handle = "newer";
    const message = {
      MessageId: delivery?.id,
      ReceiptHandle: handle,
      Body: "one",
      MD5OfBody: "f97c5d29941bfb1b2fdab0874906ab82",
      Attributes: { SentTimestamp: "1", ApproximateReceiveCount: "2" },
    };
    return { ...reply, body: JSON.stringify({ Messages: [message] }) };
  };
  const stop = new AbortController();
  const receiving = opened.receive(10, stop.signal);
  while (handle === "") await setImmediate();
  // The next poll shows that the reply before was taken in.
  const polls = proxy.requests.length;
  while (proxy.requests.length === polls) await setImmediate();
  await opened.settle(settledWith(delivery === undefined ? [] : [delivery], "delete"), NEVER);
  stop.abort();
  expect(await receiving).toEqual([]);
  const deletes = proxy.requests.filter(({ action }) => action === "DeleteMessageBatch");
  expect(deletes.map(({ input }) => input["Entries"])).toEqual([[{ Id: "0", ReceiptHandle: "newer" }]]);
});
