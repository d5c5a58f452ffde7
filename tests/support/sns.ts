import { randomBytes } from "node:crypto";
import { queueArn } from "./sqs.ts";

/** A topic of the test's queue server, which a queue is subscribed to without raw message delivery. */
export interface TestTopic {
  readonly arn: string;
  publish(message: string, more?: Published): Promise<void>;
}

interface Published {
  readonly subject?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

export async function createTestTopic(endpoint: string, queueUrl: string): Promise<TestTopic> {
  const created = await callSns(endpoint, { Action: "CreateTopic", Name: `test-${randomBytes(8).toString("hex")}` });
  const arn = /<TopicArn>([^<]+)</.exec(created)?.[1] ?? "";
  const queue = await queueArn(endpoint, queueUrl);
  await callSns(endpoint, { Action: "Subscribe", TopicArn: arn, Protocol: "sqs", Endpoint: queue });
  return {
    arn,
    async publish(message, { subject, attributes = {} } = {}) {
      const entries = Object.entries(attributes).flatMap(([name, value], index) => {
        const entry = `MessageAttributes.entry.${index + 1}`;
        return [
          [`${entry}.Name`, name],
          [`${entry}.Value.DataType`, "String"],
          [`${entry}.Value.StringValue`, value],
        ] as const;
      });
      await callSns(endpoint, {
        Action: "Publish",
        TopicArn: arn,
        Message: message,
        ...(subject !== undefined && { Subject: subject }),
        ...Object.fromEntries(entries),
      });
    },
  };
}

/** SNS speaks the Query protocol. */
async function callSns(endpoint: string, input: Readonly<Record<string, string>>): Promise<string> {
  const response = await fetch(endpoint, { method: "POST", body: new URLSearchParams(input) });
  const reply = await response.text();
  if (!response.ok) throw new Error(`${input["Action"]}: ${reply}`);
  return reply;
}
