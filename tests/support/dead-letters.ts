import { createLoginPipeline, type LoginPipeline, type LoginPipelineOptions } from "./login-pipeline.ts";
import { type SqsProxy, startSqsProxy } from "./sqs-proxy.ts";
import { callSqs, queueArn, type TestSqs } from "./sqs.ts";

/** A login pipeline whose queue has a dead-letter queue. */
export interface DeadLetters {
  readonly pipeline: LoginPipeline;
  /** The dead-letter queue. */
  readonly queue: { readonly name: string; readonly url: string; readonly arn: string };
  /** Where the pipeline finds its queues. */
  readonly proxy: SqsProxy;
  /** Receives each message of a queue until the server's redrive policy has moved it. */
  move(queueUrl: string): Promise<void>;
  /** Another queue with the same dead-letter queue. */
  createOtherQueue(): Promise<{ readonly url: string; readonly arn: string }>;
  /** Messages in the dead-letter queue by state. */
  count(): ReturnType<TestSqs["count"]>;
  remove(): Promise<void>;
}

export interface DeadLettersOptions extends LoginPipelineOptions {
  readonly isFifo?: boolean;
  /** Of the dead-letter queue. Default: ten minutes, in which what was forgotten would stay hidden. */
  readonly visibilitySeconds?: number;
}

interface Received {
  readonly MessageId: string;
  readonly Attributes?: Record<string, string>;
}

const RECEIVES_MAX = 1;

/** The server moves messages as SQS does, but does not say from where: a proxy adds that, as SQS would. */
export async function createDeadLetters(sqs: TestSqs, options: DeadLettersOptions = {}): Promise<DeadLetters> {
  const { isFifo = false, visibilitySeconds = 600, ...ofPipeline } = options;
  const kind: Record<string, string> = isFifo ? { FifoQueue: "true" } : {};
  const created = await sqs.createTestQueue({ ...kind, VisibilityTimeout: String(visibilitySeconds) });
  const queue = { ...created, arn: await queueArn(sqs.endpoint, created.url) };
  const redrive = {
    ...kind,
    VisibilityTimeout: "2",
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queue.arn, maxReceiveCount: RECEIVES_MAX }),
  };
  /** ARNs by message id. */
  const origins = new Map<string, string>();
  const proxy = await startSqsProxy(sqs.endpoint);
  const arnOf = (url: string): string => queue.arn.replace(queue.name, url.split("/").at(-1) ?? "");
  const noteOrigins = (url: string, messages: readonly Received[]): void => {
    for (const { MessageId: id } of messages) origins.set(id, arnOf(url));
  };
  proxy.change = ({ action, input }, reply) => {
    if (action !== "ReceiveMessage" || reply.status !== 200) return reply;
    const url = String(input["QueueUrl"]);
    const { Messages: messages = [] } = JSON.parse(reply.body) as { Messages?: Received[] };
    if (arnOf(url) !== queue.arn) {
      noteOrigins(url, messages);
      return reply;
    }
    for (const { MessageId: id, Attributes: attributes } of messages) {
      const origin = origins.get(id);
      if (attributes && origin !== undefined) attributes["DeadLetterQueueSourceArn"] = origin;
    }
    return { ...reply, body: JSON.stringify({ Messages: messages }) };
  };
  const pipeline = await createLoginPipeline(sqs, {
    ...ofPipeline,
    queueAttributes: redrive,
    endpoint: proxy.endpoint,
  });

  return {
    pipeline,
    queue,
    proxy,
    async move(queueUrl) {
      while ((await sqs.count(queueUrl)).total > 0) {
        const request = { QueueUrl: queueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 };
        const { Messages: messages = [] } = (await callSqs(sqs.endpoint, "ReceiveMessage", request)) as {
          Messages?: Received[];
        };
        noteOrigins(queueUrl, messages);
      }
    },
    async createOtherQueue() {
      const { url } = await sqs.createTestQueue(redrive);
      return { url, arn: arnOf(url) };
    },
    count: () => sqs.count(queue.url),
    async remove() {
      await pipeline.remove();
      await proxy.stop();
    },
  };
}
