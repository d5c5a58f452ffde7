import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { type CollectionTag, parse, type ScalarTag } from "yaml";

/* What cfn-lint lets pass; cfn-lint itself is run by lambda.slow.test.ts. */

const scalars: readonly ScalarTag[] = ["Ref", "GetAtt", "Sub"].map((name) => ({
  tag: `!${name}`,
  resolve: (text: string) => ({ [name]: text }),
}));
const lists: readonly CollectionTag[] = ["If", "Equals"].map((name) => ({
  tag: `!${name}`,
  collection: "seq",
  resolve: (value) => value,
}));

interface Template {
  readonly Parameters: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: Record<string, unknown> }>>;
}
const text = await readFile(new URL("../../deploy/lambda/template.yaml", import.meta.url), "utf8");
const { Parameters: parameters, Resources: resources } = parse(text, {
  customTags: [...scalars, ...lists],
}) as Template;
const of = (name: string): Record<string, unknown> => resources[name]?.Properties ?? {};

it("the mapping reports item failures, has a limit of its own and no filter, and keeps the limits of FIFO queues", () => {
  expect(of("Mapping")).toEqual({
    EventSourceArn: { GetAtt: "Queue.Arn" },
    FunctionName: { GetAtt: "Function.Arn" },
    FunctionResponseTypes: ["ReportBatchItemFailures"],
    BatchSize: ["IsFifo", 10, { Ref: "BatchSize" }],
    MaximumBatchingWindowInSeconds: ["IsFifo", { Ref: "AWS::NoValue" }, { Ref: "BatchWindowSeconds" }],
    ScalingConfig: { MaximumConcurrency: { Ref: "MaximumConcurrency" } },
  });
  // Of 1, AWS refuses only the deployment.
  expect(parameters["MaximumConcurrency"]).toMatchObject({ MinValue: 2, MaxValue: 1_000 });
  expect(parameters["BatchSize"]).toMatchObject({ MinValue: 1, MaxValue: 10_000 });
  // Above 10 messages there must be a window.
  expect(parameters["BatchWindowSeconds"]).toMatchObject({ MinValue: 1 });
  expect(of("Function")["ReservedConcurrentExecutions"]).toBeUndefined();
});

it("messages stay hidden for six invocations and the longest window, and are kept longer in the dead-letter queue", () => {
  const windowSeconds = Number(parameters["BatchWindowSeconds"]?.["MaxValue"]);
  expect(of("Queue")["VisibilityTimeout"]).toBeGreaterThanOrEqual(
    6 * Number(of("Function")["Timeout"]) + windowSeconds,
  );
  expect(of("Queue")["RedrivePolicy"]).toEqual({
    deadLetterTargetArn: { GetAtt: "DeadLetterQueue.Arn" },
    maxReceiveCount: 10,
  });
  expect(of("DeadLetterQueue")["MessageRetentionPeriod"]).toBeGreaterThan(
    Number(of("Queue")["MessageRetentionPeriod"]),
  );
  for (const queue of ["Queue", "DeadLetterQueue"]) {
    expect(of(queue)).toMatchObject({
      SqsManagedSseEnabled: true,
      FifoQueue: ["IsFifo", true, { Ref: "AWS::NoValue" }],
    });
  }
});

it("the role allows what the mapping and the handler do, each with its own resource, and nothing else", () => {
  const { ManagedPolicyArns: managed, Policies: policies } = of("FunctionRole") as {
    readonly ManagedPolicyArns: readonly unknown[];
    readonly Policies: readonly { readonly PolicyDocument: { readonly Statement: readonly object[] } }[];
  };
  expect(managed).toEqual([
    { Sub: "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole" },
  ]);
  expect(policies.flatMap(({ PolicyDocument: { Statement: statements } }) => statements)).toEqual([
    {
      Effect: "Allow",
      Action: ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
      Resource: { GetAtt: "Queue.Arn" },
    },
    {
      Effect: "Allow",
      Action: "secretsmanager:GetSecretValue",
      Resource: [{ Ref: "DatabaseUrlSecretArn" }, { Ref: "KeyringSecretArn" }],
    },
  ]);
});

it("secrets reach the function by their ARNs alone, under the names that its handler reads", async () => {
  expect(of("Function")["Environment"]).toEqual({
    Variables: {
      DATABASE_URL_SECRET_ARN: { Ref: "DatabaseUrlSecretArn" },
      PIIPE_KEYS_SECRET_ARN: { Ref: "KeyringSecretArn" },
    },
  });
  const handler = await readFile(new URL("../../deploy/lambda/handler.mjs", import.meta.url), "utf8");
  expect(handler).toContain("const { DATABASE_URL_SECRET_ARN, PIIPE_KEYS_SECRET_ARN } = process.env;");
});
