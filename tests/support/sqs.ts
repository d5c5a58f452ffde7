import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { type LocalQueues, localQueues } from "../../src/embedded/sqs.ts";

export interface QueueCounts {
  readonly visible: number;
  /** Received and not yet deleted. */
  readonly inFlight: number;
  readonly delayed: number;
  readonly total: number;
}

/** A real SQS-compatible server over HTTP. */
export interface TestSqs extends LocalQueues {
  /** A new queue with a name of its own; `.fifo` is added when the attributes make it a FIFO queue. */
  createTestQueue(attributes?: Readonly<Record<string, string>>): Promise<{ name: string; url: string }>;
  count(queueUrl: string): Promise<QueueCounts>;
}

/** The one server of this test run: tests take queues of their own. */
export const testSqs = (): TestSqs => connectTestSqs(inject("sqsEndpoint"));

function connectTestSqs(endpoint: string): TestSqs {
  const queues = localQueues(endpoint);
  return {
    ...queues,
    async createTestQueue(attributes = {}) {
      const suffix = attributes["FifoQueue"] === "true" ? ".fifo" : "";
      const name = `test-${randomBytes(8).toString("hex")}${suffix}`;
      return { name, url: await queues.createQueue(name, attributes) };
    },
    count: (queueUrl) => countMessages(endpoint, queueUrl),
  };
}

export async function countMessages(endpoint: string, queueUrl: string): Promise<QueueCounts> {
  const { Attributes: attributes } = (await callSqs(endpoint, "GetQueueAttributes", {
    QueueUrl: queueUrl,
    AttributeNames: ["All"],
  })) as { Attributes: Record<string, string> };
  const visible = Number(attributes["ApproximateNumberOfMessages"]);
  const inFlight = Number(attributes["ApproximateNumberOfMessagesNotVisible"]);
  const delayed = Number(attributes["ApproximateNumberOfMessagesDelayed"]);
  return { visible, inFlight, delayed, total: visible + inFlight + delayed };
}

/** What the ledger knows the queue by. */
export async function queueArn(endpoint: string, queueUrl: string): Promise<string> {
  const request = { QueueUrl: queueUrl, AttributeNames: ["QueueArn"] };
  const reply = (await callSqs(endpoint, "GetQueueAttributes", request)) as { Attributes: { QueueArn: string } };
  return reply.Attributes.QueueArn;
}

/** One unsigned call of SQS's JSON protocol, for what the pipeline's own client does not do. */
export async function callSqs(endpoint: string, action: string, input: object): Promise<unknown> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify(input),
  });
  const reply: unknown = await response.json();
  if (!response.ok) throw new Error(`${action}: ${JSON.stringify(reply)}`);
  return reply;
}
