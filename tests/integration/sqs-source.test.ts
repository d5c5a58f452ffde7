import { request } from "node:http";
import { json as jsonOf } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Delivery, Settlement } from "../../src/pipeline/contracts.ts";
import { openSqsSource, type OpenSqsSourceOptions } from "../../src/sources/sqs/open-sqs-source.ts";
import type { SqsSource } from "../../src/sources/sqs/sqs-source.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { type QueryFront, startQueryFront } from "../support/query-front.ts";
import { localSource } from "../support/sqs-source.ts";
import { callSqs, testSqs } from "../support/sqs.ts";

const NEVER = new AbortController().signal;
const DELETE: Settlement = { kind: "delete" };

const sqs = testSqs();
let front: QueryFront;
const opened: SqsSource[] = [];

beforeAll(async () => {
  front = await startQueryFront(sqs.endpoint);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((source) => source.close()));
});

afterAll(() => front?.stop());

/** Resolves when `isTrue` does; fails with the test's own time limit. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await delay(5);
}

/** Receives until there are `count`, or until SQS says three times that there is nothing. */
async function receiveAll(source: SqsSource, count: number): Promise<Delivery[]> {
  const all: Delivery[] = [];
  for (let emptyReplies = 0; all.length < count && emptyReplies < 3;) {
    const batch = await source.receive(count - all.length, NEVER);
    if (batch.length === 0) emptyReplies += 1;
    all.push(...batch);
  }
  return all;
}

/** The server makes the queue's URL from the request's Host header. */
function createQueueAs(host: string, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host, "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.CreateQueue" };
    const sent = request(sqs.endpoint, { method: "POST", headers }, (reply) => {
      jsonOf(reply).then((body) => resolve((body as { QueueUrl: string }).QueueUrl), reject);
    });
    sent.on("error", reject).end(JSON.stringify({ QueueName: name }));
  });
}

function settledWith(deliveries: readonly Delivery[], settlement: Settlement): Map<Delivery, Settlement> {
  return new Map(deliveries.map((delivery) => [delivery, settlement]));
}

describe.each(["json", "query"] as const)("SqsSource over the %s protocol", (protocol) => {
  async function open(queue: string, more: Partial<OpenSqsSourceOptions> = {}): Promise<[SqsSource, TelemetryEvent[]]> {
    const events: TelemetryEvent[] = [];
    const source = await openSqsSource(
      localSource({
        queue,
        region: sqs.region,
        endpoint: protocol === "json" ? sqs.endpoint : front.endpoint,
        clock: systemClock,
        emit: (event) => events.push(event),
        ...more,
      }),
    );
    opened.push(source);
    return [source, events];
  }

  it("speaks that protocol", async () => {
    const { name } = await sqs.createTestQueue();
    const before = { ...front.counts };
    await open(name);
    const json = front.counts.json - before.json;
    const query = front.counts.query - before.query;
    // The one JSON request is the first, which finds out that the server does not know it.
    expect({ json, query }).toEqual(protocol === "json" ? { json: 0, query: 0 } : { json: 1, query: 2 });
  });

  it("finds the queue by name, URL and ARN, and names it by its ARN", async () => {
    const { name, url } = await sqs.createTestQueue();
    const arn = `arn:aws:sqs:${sqs.region}:000000000000:${name}`;
    for (const queue of [name, url, arn]) {
      const [source] = await open(queue);
      expect(source.name).toBe(arn);
      expect(source.ordered).toBe(false);
    }
  });

  it("sends everything to the endpoint, whatever host the queue's URL names", async () => {
    const url = await createQueueAs("public.example:4566", `public-${protocol}`);
    expect(new URL(url).host).not.toBe(new URL(sqs.endpoint).host);
    await callSqs(sqs.endpoint, "SendMessage", { QueueUrl: url, MessageBody: "here" });
    for (const queue of [`public-${protocol}`, url]) {
      const [source] = await open(queue);
      const deliveries = await receiveAll(source, 1);
      expect(deliveries.map(({ body }) => body)).toEqual(["here"]);
      await source.settle(settledWith(deliveries, { kind: "release", delaySeconds: 0 }), NEVER);
    }
  });

  it("receives and deletes every message, each once", async () => {
    const { name, url } = await sqs.createTestQueue();
    const bodies = Array.from({ length: 137 }, (_, i) => JSON.stringify({ n: i }));
    await sqs.send(url, bodies);
    const [source, events] = await open(name);
    const deliveries = await receiveAll(source, bodies.length);
    expect(deliveries.map(({ body }) => body).sort()).toEqual([...bodies].sort());
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(bodies.length);
    expect(await source.settle(settledWith(deliveries, DELETE), NEVER)).toEqual({
      deleted: 137,
      released: 0,
      failed: 0,
    });
    expect(await sqs.count(url)).toMatchObject({ total: 0 });
    expect(events).toEqual([]);
  });

  it("gives bodies back byte for byte", async () => {
    const { name, url } = await sqs.createTestQueue();
    const bodies = [
      '{"a":"<b> & \\"c\\" \'é ]]> &lt;&#13;"}',
      "  both ends \n",
      "line\r\nend\rs",
      "tab\tand 日本",
      "true",
      "007.10",
    ];
    await sqs.send(url, bodies);
    const [source] = await open(name);
    const deliveries = await receiveAll(source, bodies.length);
    expect(deliveries.map(({ body }) => body).sort()).toEqual([...bodies].sort());
    for (const { body, bytes } of deliveries) expect(bytes).toBe(Buffer.byteLength(body));
  });

  it("reads the message's metadata and the attributes asked for, and no other", async () => {
    const { name, url } = await sqs.createTestQueue();
    const sentAfterMs = Date.now();
    await callSqs(sqs.endpoint, "SendMessage", {
      QueueUrl: url,
      MessageBody: "{}",
      MessageAttributes: {
        colour: { DataType: "String", StringValue: "r<e>d" },
        secret: { DataType: "String", StringValue: "no" },
      },
    });
    const [source] = await open(name, { attributeNames: ["colour", "absent", "colour"] });
    const [first] = await receiveAll(source, 1);
    expect(first).toMatchObject({ attempt: 1, groupId: null, body: "{}" });
    expect(first?.sentAtMs).toBeGreaterThanOrEqual(sentAfterMs);
    expect(first?.receivedAtMs).toBeGreaterThanOrEqual(first?.sentAtMs ?? Number.POSITIVE_INFINITY);
    expect([...(first?.attributes ?? [])]).toEqual([["colour", "r<e>d"]]);
  });

  it("releases messages, which come again with the next attempt", async () => {
    const { name, url } = await sqs.createTestQueue();
    await sqs.send(url, ["a", "b", "c"]);
    const [source] = await open(name);
    const deliveries = await receiveAll(source, 3);
    const release = settledWith(deliveries, { kind: "release", delaySeconds: 0 });
    expect(await source.settle(release, NEVER)).toEqual({ deleted: 0, released: 3, failed: 0 });
    const again = await receiveAll(source, 3);
    expect(again.map(({ id, attempt }) => [id, attempt]).sort()).toEqual(deliveries.map(({ id }) => [id, 2]).sort());
    expect(again.map(({ sentAtMs }) => sentAtMs).sort()).toEqual(deliveries.map(({ sentAtMs }) => sentAtMs).sort());
  });

  it("never gives more than there is room for", async () => {
    const { name, url } = await sqs.createTestQueue();
    await sqs.send(
      url,
      Array.from({ length: 40 }, (_, i) => `${i}`),
    );
    const [source] = await open(name);
    let held = 0;
    for (const room of [1, 3, 12]) {
      const batch = await source.receive(room, NEVER);
      held += batch.length;
      expect(batch.length).toBeLessThanOrEqual(room);
    }
    // What it fetched ahead is no more than the last room allowed.
    expect((await sqs.count(url)).inFlight).toBeLessThanOrEqual(held + 12);
  });

  it("keeps what it holds invisible beyond the visibility timeout", async () => {
    const { name, url } = await sqs.createTestQueue();
    await sqs.send(
      url,
      Array.from({ length: 12 }, (_, i) => `${i}`),
    );
    // The heartbeat may be two seconds late, as on a machine that has other work.
    const visibilitySeconds = 4;
    const [source, events] = await open(name, { visibilityTimeoutSeconds: visibilitySeconds });
    const deliveries = await receiveAll(source, 12);
    const overMs = performance.now() + visibilitySeconds * 1_000;
    const extensions = (): number => events.filter(({ type }) => type === "visibility.extended").length;
    await until(() => performance.now() > overMs && extensions() >= 2);
    expect(await sqs.count(url)).toMatchObject({ visible: 0, inFlight: 12 });
    expect(await source.settle(settledWith(deliveries, DELETE), NEVER)).toMatchObject({ deleted: 12 });
    expect(events.filter((event) => event.type === "visibility.extended" && event.failed > 0)).toEqual([]);
  });

  it("ends a long poll at once when told to stop", async () => {
    const { name } = await sqs.createTestQueue();
    const [source] = await open(name, { waitSeconds: 20 });
    const stop = new AbortController();
    const receiving = source.receive(10, stop.signal);
    await until(async () => (await Promise.race([receiving.then(() => "done"), delay(50, "waiting")])) === "waiting");
    const startMs = Date.now();
    stop.abort();
    expect(await receiving).toEqual([]);
    expect(Date.now() - startMs).toBeLessThan(1_000);
    expect(await source.receive(10, stop.signal)).toEqual([]);
  });

  it("gives back at close what was never handed out", async () => {
    const { name, url } = await sqs.createTestQueue();
    await sqs.send(url, ["1", "2", "3", "4", "5"]);
    const [source] = await open(name);
    // A full reply makes it fetch ahead; handing out one leaves the rest in its hands.
    await until(async () => (await source.receive(5, NEVER)).length > 0);
    const { inFlight } = await sqs.count(url);
    await Promise.all([source.close(), source.close()]);
    const after = await sqs.count(url);
    expect(after.total).toBe(5);
    expect(after.inFlight).toBeLessThanOrEqual(inFlight);
    expect(await source.receive(10, NEVER)).toEqual([]);
  });

  it("counts visible, held and delayed messages as depth", async () => {
    const { name, url } = await sqs.createTestQueue();
    await sqs.send(url, ["1", "2", "3"]);
    await callSqs(sqs.endpoint, "SendMessage", { QueueUrl: url, MessageBody: "later", DelaySeconds: 60 });
    const [source] = await open(name);
    expect(await source.receive(1, NEVER)).toHaveLength(1);
    expect(await source.depth(NEVER)).toBe(4);
  });

  it("knows a FIFO queue, its groups and their order", async () => {
    const { name, url } = await sqs.createTestQueue({ FifoQueue: "true" });
    const bodies = Array.from({ length: 12 }, (_, i) => `${i}`);
    await sqs.send(url, bodies);
    const [source] = await open(name);
    expect(source.ordered).toBe(true);
    const received: string[] = [];
    while (received.length < bodies.length) {
      const batch = await source.receive(100, NEVER);
      for (const { body, groupId } of batch) {
        received.push(body);
        expect(groupId).toBe("piipe");
      }
      await source.settle(settledWith(batch, DELETE), NEVER);
    }
    expect(received).toEqual(bodies);
  });

  it("says which queue does not exist", async () => {
    await expect(open("no-such-queue")).rejects.toMatchObject({
      code: "queue.not-found",
      retryable: false,
      message: expect.stringContaining("no-such-queue") as string,
    });
  });

  it("gives up settling when aborted", async () => {
    const { name, url } = await sqs.createTestQueue();
    await sqs.send(url, ["1", "2"]);
    const [source] = await open(name);
    const deliveries = await receiveAll(source, 2);
    const report = await source.settle(settledWith(deliveries, DELETE), AbortSignal.abort());
    expect(report).toMatchObject({ deleted: 0, released: 0, failed: 2 });
    expect(report.failedIds?.toSorted()).toEqual(deliveries.map(({ id }) => id).toSorted());
  });
});
