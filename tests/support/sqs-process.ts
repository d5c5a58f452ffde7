import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { callSqs, type TestSqs, testSqs } from "./sqs.ts";

const SERVER = fileURLToPath(new URL("./sqs-server.mjs", import.meta.url));
const ENTRIES_MAX = 10;

/** As `startTestSqs`, on a core of its own: for tests that are busy themselves. Standard queues only. */
export async function startSqsProcess(): Promise<TestSqs> {
  const child = spawn(process.execPath, [SERVER], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const endpoint = await Promise.race([
    once(createInterface(child.stdout), "line").then(([line]) => line as string),
    ended.then(([code]) => {
      throw new Error(`the queue's process ended with ${String(code)} before it listened`);
    }),
  ]);
  return testSqs({
    endpoint,
    region: "us-west-1",
    async createQueue(name, attributes = {}) {
      const reply = (await callSqs(endpoint, "CreateQueue", { QueueName: name, Attributes: attributes })) as {
        QueueUrl: string;
      };
      return reply.QueueUrl;
    },
    async send(queueUrl, bodies) {
      const batches = Array.from({ length: Math.ceil(bodies.length / ENTRIES_MAX) }, (_, index) =>
        bodies.slice(index * ENTRIES_MAX, (index + 1) * ENTRIES_MAX),
      );
      await Promise.all(
        batches.map((batch) =>
          callSqs(endpoint, "SendMessageBatch", {
            QueueUrl: queueUrl,
            Entries: batch.map((body, index) => ({ Id: String(index), MessageBody: body })),
          }),
        ),
      );
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  });
}
