import { hash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { FunctionEnvironment } from "../../src/app/function-environment.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import type { LoginPipeline } from "./login-pipeline.ts";
import { callSqs, queueArn, type TestSqs } from "./sqs.ts";

/** As AWS Lambda hands a message over. */
export interface LambdaRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly md5OfBody: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<Record<string, object>>;
  readonly eventSource: string;
  readonly eventSourceARN: string;
  readonly awsRegion: string;
}

export interface LambdaEvent {
  readonly Records: readonly LambdaRecord[];
}

/** A message that no queue has held, for what a local one does not give: several of a group at once. */
export function madeUpRecord(arn: string, body: string, groupId: string): LambdaRecord {
  return {
    messageId: randomUUID(),
    receiptHandle: randomUUID(),
    body,
    md5OfBody: hash("md5", body),
    attributes: { ApproximateReceiveCount: "1", SentTimestamp: String(Date.now()), MessageGroupId: groupId },
    messageAttributes: {},
    eventSource: "aws:sqs",
    eventSourceARN: arn,
    awsRegion: arn.split(":")[3] ?? "",
  };
}

interface Received {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly MD5OfBody: string;
  readonly Attributes: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string; readonly DataType: string }>>;
}

/** Of a receive, and of the requests that delete. */
const ENTRIES_MAX = 10;

/** AWS Lambda's side of a queue: receives events for a function, and deletes what the function does not report. */
export class EventSourceMapping {
  readonly #endpoint: string;
  readonly #queueUrl: string;
  readonly arn: string;

  private constructor(endpoint: string, queueUrl: string, arn: string) {
    this.#endpoint = endpoint;
    this.#queueUrl = queueUrl;
    this.arn = arn;
  }

  static async open({ endpoint }: TestSqs, queueUrl: string): Promise<EventSourceMapping> {
    return new EventSourceMapping(endpoint, queueUrl, await queueArn(endpoint, queueUrl));
  }

  /** As many messages as there are, up to a size of batch. */
  async receive(batchSize: number): Promise<LambdaEvent> {
    const records: LambdaRecord[] = [];
    while (records.length < batchSize) {
      const received = await Promise.all(
        Array.from({ length: Math.ceil((batchSize - records.length) / ENTRIES_MAX) }, (_, index) =>
          this.#receive(Math.min(ENTRIES_MAX, batchSize - records.length - index * ENTRIES_MAX)),
        ),
      );
      if (received.every((messages) => messages.length === 0)) break;
      records.push(...received.flat().map((message) => this.#recordOf(message)));
    }
    return { Records: records };
  }

  /** After an invocation that did not throw. */
  async settle({ Records: records }: LambdaEvent, kept: readonly string[]): Promise<void> {
    await this.#eachTen(
      "DeleteMessageBatch",
      records.filter(({ messageId }) => !kept.includes(messageId)),
      {},
    );
  }

  /** Makes them visible now, as their visibility timeout would later. */
  async release({ Records: records }: LambdaEvent, kept: readonly string[] | null = null): Promise<void> {
    const released = records.filter(({ messageId }) => kept === null || kept.includes(messageId));
    await this.#eachTen("ChangeMessageVisibilityBatch", released, { VisibilityTimeout: 0 });
  }

  async #eachTen(action: string, records: readonly LambdaRecord[], entry: object): Promise<void> {
    const starts = Array.from({ length: Math.ceil(records.length / ENTRIES_MAX) }, (_, index) => index * ENTRIES_MAX);
    await Promise.all(
      starts.map((start) =>
        callSqs(this.#endpoint, action, {
          QueueUrl: this.#queueUrl,
          Entries: records
            .slice(start, start + ENTRIES_MAX)
            .map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle, ...entry })),
        }),
      ),
    );
  }

  async #receive(max: number): Promise<readonly Received[]> {
    const reply = (await callSqs(this.#endpoint, "ReceiveMessage", {
      QueueUrl: this.#queueUrl,
      MaxNumberOfMessages: max,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
    })) as { readonly Messages?: readonly Received[] };
    return reply.Messages ?? [];
  }

  #recordOf(message: Received): LambdaRecord {
    const attributes = Object.entries(message.MessageAttributes ?? {}).map(
      ([name, { StringValue, DataType }]) =>
        [name, { stringValue: StringValue, stringListValues: [], binaryListValues: [], dataType: DataType }] as const,
    );
    return {
      messageId: message.MessageId,
      receiptHandle: message.ReceiptHandle,
      body: message.Body,
      md5OfBody: message.MD5OfBody,
      attributes: message.Attributes,
      messageAttributes: Object.fromEntries(attributes),
      eventSource: "aws:sqs",
      eventSourceARN: this.arn,
      awsRegion: this.arn.split(":")[3] ?? "",
    };
  }
}

/** One environment of a function with a pipeline's configuration. */
export function functionOf(
  { folder, environment }: Pick<LoginPipeline, "folder" | "environment">,
  onEvent: (event: TelemetryEvent) => void = () => {},
): FunctionEnvironment {
  return new FunctionEnvironment({
    loadConfig: () => loadConfig(join(folder, "piipe.yaml"), environment),
    keysJson: undefined,
    transform: undefined,
    emit: onEvent,
  });
}
