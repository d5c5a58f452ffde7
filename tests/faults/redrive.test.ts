import { describe, expect, it, onTestFinished } from "vitest";
import { type CliResult, runCli, startCommand } from "../support/cli.ts";
import type { DeadLetters } from "../support/dead-letters.ts";
import { lettersOfTest, users, usersOf } from "../support/killed-redrive.ts";
import { loginEvents } from "../support/login-events.ts";
import { query } from "../support/postgres.ts";
import { startQueryFront } from "../support/query-front.ts";
import { sqsError } from "../support/sqs-proxy.ts";
import { callSqs, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const sqs = testSqs();

const totalsOf = ({ stdout }: CliResult): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

/** Stores all messages while every delete fails, until the server's redrive policy has moved each of them. */
async function storeWithoutDeleting({ pipeline, proxy }: DeadLetters): Promise<void> {
  proxy.answer = ({ action }) => (action === "DeleteMessageBatch" ? sqsError("InternalError", 500) : undefined);
  const run = await runCli(["run", "--until-empty", "--json"], pipeline);
  proxy.answer = () => undefined;
  expect(totalsOf(run)).toMatchObject({ deleted: 0 });
}

describe.each(["json", "query"] as const)("over the %s protocol", (protocol) => {
  it("what was stored, could not be deleted and was moved, is deleted and not stored again; the rest is stored", async () => {
    const letters = await lettersOfTest();
    const { pipeline, proxy } = letters;
    const events = loginEvents(80);
    await sqs.send(pipeline.queue.url, events.slice(0, 50));
    await storeWithoutDeleting(letters);
    expect(await pipeline.rows()).toBe(50);
    await sqs.send(pipeline.queue.url, events.slice(50));
    await letters.move(pipeline.queue.url);
    expect(await letters.count()).toMatchObject({ visible: 80 });

    const front = await startQueryFront(proxy.endpoint);
    onTestFinished(() => front.stop());
    const endpoint = protocol === "query" ? front.endpoint : proxy.endpoint;
    const environment = { ...pipeline.environment, AWS_ENDPOINT_URL_SQS: endpoint };
    const result = await runCli(["redrive", "--yes", "--json"], { folder: pipeline.folder, environment });
    expect(result.code).toBe(0);
    expect(totalsOf(result)).toMatchObject({ received: 80, stored: 30, duplicate: 50, deleted: 80 });
    expect(await usersOf(letters)).toEqual(users(80));
    expect(await letters.count()).toMatchObject({ total: 0 });
    expect(front.counts.query > 0).toBe(protocol === "query");
  });
});

it("a message stored by a redrive is not stored again when its queue delivers it after all", async () => {
  const letters = await lettersOfTest();
  const { pipeline, proxy } = letters;
  await sqs.send(pipeline.queue.url, loginEvents(10));
  await letters.move(pipeline.queue.url);
  const bodies: string[] = [];
  const { change } = proxy;
  proxy.change = (request, reply) => {
    const changed = change(request, reply);
    if (request.action === "ReceiveMessage" && changed.body.includes("DeadLetterQueueSourceArn")) {
      bodies.push(changed.body);
    }
    return changed;
  };
  expect((await runCli(["redrive", "--yes"], pipeline)).code).toBe(0);
  // As an at-least-once queue may: the same messages, once more.
  proxy.change = (_request, reply) => reply;
  proxy.answer = ({ action }) => {
    const body = action === "ReceiveMessage" ? bodies.shift() : undefined;
    return body === undefined ? undefined : { status: 200, body };
  };
  const run = await runCli(["run", "--until-empty", "--json"], pipeline);
  expect(totalsOf(run)).toMatchObject({ received: 10, stored: 0, duplicate: 10 });
  expect(await usersOf(letters)).toEqual(users(10));
});

it("Ctrl-C finishes what was received, gives back the rest, and keeps what is another queue's", async () => {
  const letters = await lettersOfTest();
  const { pipeline } = letters;
  await sqs.send(pipeline.queue.url, loginEvents(6_000));
  await letters.move(pipeline.queue.url);
  const other = await letters.createOtherQueue();
  await sqs.send(other.url, loginEvents(5));
  await letters.move(other.url);
  const running = startCommand(["redrive", "--yes", "--json"], pipeline);
  await until("some rows are stored", async () => (await pipeline.rows()) > 0);
  running.signal("SIGINT");
  const result = await running.ended;
  expect(result.code).toBe(130);
  const totals = totalsOf(result);
  expect(totals["stored"]).toBe(totals["received"]);
  expect(totals["deleted"]).toBe(totals["received"]);
  const rows = await pipeline.rows();
  expect(rows).toBe(totals["stored"]);
  expect(rows).toBeLessThan(6_000);
  await until("all others are visible", async () => (await letters.count()).visible === 6_005 - rows);
});

describe("a FIFO queue", () => {
  async function send(url: string, group: string, bodies: readonly string[]): Promise<void> {
    for (const [index, body] of bodies.entries()) {
      const MessageDeduplicationId = `${group}-${index}`;
      await callSqs(sqs.endpoint, "SendMessage", {
        QueueUrl: url,
        MessageBody: body,
        MessageGroupId: group,
        MessageDeduplicationId,
      });
    }
  }

  it("is redriven in the order of each group", async () => {
    const letters = await lettersOfTest({ isFifo: true });
    const { pipeline } = letters;
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins ADD number bigserial");
    const events = loginEvents(20);
    await send(pipeline.queue.url, "a", events.slice(0, 10));
    await send(pipeline.queue.url, "b", events.slice(10));
    await letters.move(pipeline.queue.url);
    const result = await runCli(["redrive", "--yes", "--json"], pipeline);
    expect(totalsOf(result)).toMatchObject({ stored: 20, deleted: 20 });
    const rows = await query<{ user: number }>(
      pipeline.databaseUrl,
      "SELECT substr(user_id, 6)::int AS user FROM user_logins ORDER BY number",
    );
    const order = rows.map(({ user }) => user);
    expect(order.filter((user) => user < 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(order.filter((user) => user >= 10)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it("recognises what was stored although moving dates a message anew", async () => {
    const letters = await lettersOfTest({ isFifo: true });
    const { pipeline } = letters;
    await send(pipeline.queue.url, "a", loginEvents(3));
    await send(pipeline.queue.url, "b", loginEvents(6).slice(3));
    await storeWithoutDeleting(letters);
    // The server keeps the time of sending, as SQS does for standard queues only.
    await query(pipeline.databaseUrl, "UPDATE piipe.ledger SET sent_day = sent_day - 3");
    const dry = await runCli(["redrive", "--dry-run", "--json"], pipeline);
    expect(totalsOf(dry)).toMatchObject({ received: 2, wouldStore: 0, duplicate: 2, unseen: 4 });
    expect(await letters.count()).toMatchObject({ visible: 6, inFlight: 0 });
    const result = await runCli(["redrive", "--yes", "--json"], pipeline);
    expect(totalsOf(result)).toMatchObject({ stored: 0, duplicate: 6, deleted: 6 });
    expect(await usersOf(letters)).toEqual(users(6));
  });

  it("ends although messages wait behind another queue's", async () => {
    const letters = await lettersOfTest({ isFifo: true });
    const { pipeline } = letters;
    const other = await letters.createOtherQueue();
    await send(other.url, "a", loginEvents(1));
    await letters.move(other.url);
    await send(pipeline.queue.url, "a", loginEvents(2));
    await send(pipeline.queue.url, "b", loginEvents(4).slice(2));
    await letters.move(pipeline.queue.url);
    const result = await runCli(["redrive", "--yes", "--json"], pipeline);
    expect(result.code).toBe(0);
    expect(totalsOf(result)).toMatchObject({ stored: 2, foreign: 1, unseen: 2, hidden: 0 });
    expect(await letters.count()).toMatchObject({ visible: 3, inFlight: 0 });
  });
});
