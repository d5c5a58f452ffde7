import { describe, expect, it } from "vitest";
import { parseQueueAttributes } from "./read-queue.ts";

const ARN = "arn:aws:sqs:eu-west-1:123456789012:logins";

describe("a queue's attributes", () => {
  it("are read as SQS gives them", () => {
    expect(
      parseQueueAttributes({
        QueueArn: ARN,
        VisibilityTimeout: "30",
        MessageRetentionPeriod: "345600",
        DelaySeconds: "0",
        MaximumMessageSize: "262144",
        SqsManagedSseEnabled: "true",
        RedrivePolicy: `{"deadLetterTargetArn":"${ARN}-dead","maxReceiveCount":5}`,
        ApproximateNumberOfMessages: "1",
        ApproximateNumberOfMessagesNotVisible: "20",
        ApproximateNumberOfMessagesDelayed: "300",
      }),
    ).toEqual({
      arn: ARN,
      isFifo: false,
      visibilityTimeoutSeconds: 30,
      retentionSeconds: 345_600,
      delaySeconds: 0,
      messageBytesMax: 262_144,
      encryption: "sqs-managed",
      hasContentBasedDeduplication: false,
      redrive: { deadLetterArn: `${ARN}-dead`, receivesMax: 5 },
      depth: 321,
    });
  });

  it("are null where the server does not tell them", () => {
    expect(parseQueueAttributes({ QueueArn: ARN, MaximumMessageSize: null })).toMatchObject({
      visibilityTimeoutSeconds: null,
      messageBytesMax: null,
      encryption: null,
      redrive: null,
      depth: 0,
    });
  });

  it.each([
    ["kms", { KmsMasterKeyId: "alias/queue", SqsManagedSseEnabled: "false" }],
    ["none", { SqsManagedSseEnabled: "false" }],
  ])("tell the encryption %s", (encryption, attributes) => {
    expect(parseQueueAttributes(attributes)).toMatchObject({ encryption });
  });

  it("take a redrive policy with a count as text, and none that cannot be read", () => {
    const policy = JSON.stringify({ deadLetterTargetArn: ARN, maxReceiveCount: "3" });
    expect(parseQueueAttributes({ RedrivePolicy: policy }).redrive?.receivesMax).toBe(3);
    for (const broken of ["", "{", "{}", "[]", "null", JSON.stringify({ deadLetterTargetArn: ARN })]) {
      expect(parseQueueAttributes({ RedrivePolicy: broken }).redrive).toBeNull();
    }
  });
});
