import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { freePort } from "../../src/embedded/free-port.ts";
import type { Delivery, Settlement } from "../../src/pipeline/contracts.ts";
import { openSqsSource } from "../../src/sources/sqs/open-sqs-source.ts";
import type { SqsSource } from "../../src/sources/sqs/sqs-source.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { localSource } from "../support/sqs-source.ts";

/**
 * The Query protocol against a server that others wrote. `pip install 'moto[server]==4.1.8' 'werkzeug<2.3' 'flask<2.3'`
 * has one; later versions of moto also know the JSON protocol, and these tests run over that.
 */
const command = process.env["PIIPE_MOTO_SERVER"] ?? "moto_server";
const isInstalled = spawnSync(command, ["--help"], { stdio: "ignore" }).status === 0;
if (!isInstalled) {
  console.info(
    `skipped: ${command} cannot be run. pip install 'moto[server]==4.1.8' 'werkzeug<2.3' 'flask<2.3', or name it in PIIPE_MOTO_SERVER`,
  );
}

const NEVER = new AbortController().signal;
const REGION = "us-west-1";

describe.skipIf(!isInstalled)("SqsSource with moto (needs moto_server on the PATH or in PIIPE_MOTO_SERVER)", () => {
  let moto: ChildProcess;
  let endpoint = "";

  /** Straight in the Query protocol, with nothing of the product. Moto takes the region from the signature's scope. */
  async function send(action: string, parameters: Readonly<Record<string, string>>, path = "/"): Promise<string> {
    const response = await fetch(`${endpoint}${path}`, {
      method: "POST",
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/sqs/aws4_request` },
      body: new URLSearchParams({ Action: action, Version: "2012-11-05", ...parameters }),
    });
    const reply = await response.text();
    if (!response.ok) throw new Error(reply);
    return reply;
  }

  async function createQueue(name: string): Promise<string> {
    const reply = await send("CreateQueue", { QueueName: name });
    return /<QueueUrl>(.*)<\/QueueUrl>/.exec(reply)?.[1] ?? "";
  }

  async function sendMessage(url: string, body: string, more: Readonly<Record<string, string>> = {}): Promise<void> {
    await send("SendMessage", { MessageBody: body, ...more }, new URL(url).pathname);
  }

  async function open(queue: string, events: TelemetryEvent[] = [], attributeNames: string[] = []): Promise<SqsSource> {
    return openSqsSource(
      localSource({
        queue,
        region: REGION,
        endpoint,
        attributeNames,
        clock: systemClock,
        emit: (event) => events.push(event),
      }),
    );
  }

  async function receiveAll(source: SqsSource, count: number): Promise<Delivery[]> {
    const all: Delivery[] = [];
    for (let emptyReplies = 0; all.length < count && emptyReplies < 3;) {
      const batch = await source.receive(count - all.length, NEVER);
      if (batch.length === 0) emptyReplies += 1;
      all.push(...batch);
    }
    return all;
  }

  function settledWith(deliveries: readonly Delivery[], settlement: Settlement): Map<Delivery, Settlement> {
    return new Map(deliveries.map((delivery) => [delivery, settlement]));
  }

  beforeAll(async () => {
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    moto = spawn(command, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
    for (;;) {
      if (moto.exitCode !== null) throw new Error(`${command} ended with ${moto.exitCode}`);
      const isUp = await fetch(`${endpoint}/moto-api/`).then(
        () => true,
        () => false,
      );
      if (isUp) break;
      await delay(50);
    }
  });

  afterAll(() => {
    moto?.kill();
  });

  it("receives every body byte for byte, and deletes all", async () => {
    const url = await createQueue("bodies");
    const bodies = [
      '{"a":"<b> & \\"c\\" \'é ]]> &lt;&#13;😀"}',
      "  both ends \n",
      "line\r\nend\rs",
      "true",
      ...Array.from({ length: 30 }, (_, i) => `{"n":${i}}`),
    ];
    for (const body of bodies) await sendMessage(url, body);
    const events: TelemetryEvent[] = [];
    const source = await open("bodies", events);
    const deliveries = await receiveAll(source, bodies.length);
    expect(deliveries.map(({ body }) => body).sort()).toEqual([...bodies].sort());
    expect(await source.depth(NEVER)).toBe(bodies.length);
    // One request at a time: moto rebuilds its list of messages without a lock, so of two deletes at once it can bring
    // back what the other has deleted, and confirms both.
    for (let start = 0; start < deliveries.length; start += 10) {
      const ten = deliveries.slice(start, start + 10);
      const report = await source.settle(settledWith(ten, { kind: "delete" }), NEVER);
      expect(report).toEqual({ deleted: ten.length, released: 0, failed: 0 });
    }
    expect(await source.depth(NEVER)).toBe(0);
    expect(events).toEqual([]);
    await source.close();
  });

  it("reads metadata and attributes, releases, and receives again", async () => {
    const url = await createQueue("metadata");
    const attribute = { Name: "colour", "Value.DataType": "String", "Value.StringValue": "red" };
    const parameters = Object.entries(attribute).map(([name, value]) => [`MessageAttribute.1.${name}`, value]);
    await sendMessage(url, "{}", Object.fromEntries(parameters) as Record<string, string>);
    const source = await open(url, [], ["colour"]);
    expect(source.name).toMatch(/^arn:aws:sqs:us-west-1:\d{12}:metadata$/);
    const [first] = await receiveAll(source, 1);
    expect(first).toMatchObject({ attempt: 1, body: "{}", groupId: null });
    expect([...(first?.attributes ?? [])]).toEqual([["colour", "red"]]);
    const release = settledWith(first === undefined ? [] : [first], { kind: "release", delaySeconds: 0 });
    expect(await source.settle(release, NEVER)).toEqual({ deleted: 0, released: 1, failed: 0 });
    const [again] = await receiveAll(source, 1);
    expect(again).toMatchObject({ id: first?.id, attempt: 2, sentAtMs: first?.sentAtMs });
    await source.close();
  });

  it("says which queue does not exist", async () => {
    await expect(open("no-such-queue")).rejects.toMatchObject({ code: "queue.not-found" });
  });
});
