import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type CliResult, runCli, runProcess } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { startQueryFront } from "../support/query-front.ts";
import { type SqsProxy, sqsError, startSqsProxy } from "../support/sqs-proxy.ts";
import { callSqs, queueArn, testSqs } from "../support/sqs.ts";

interface Finding {
  readonly subject: string;
  readonly level: string;
  readonly text: string;
  readonly code: string | null;
  readonly hint: string | null;
}

const sqs = testSqs();
let proxy: SqsProxy;
let pipeline: LoginPipeline;

beforeAll(async () => {
  proxy = await startSqsProxy(sqs.endpoint);
  pipeline = await createLoginPipeline(sqs, { endpoint: proxy.endpoint });
});
afterAll(async () => {
  await pipeline.remove();
  await proxy.stop();
});
beforeEach(() => {
  proxy.requests.length = 0;
  proxy.answer = () => undefined;
  proxy.change = (_, reply) => reply;
});

async function check(
  environment: Readonly<Record<string, string>> = {},
  of = pipeline,
): Promise<Omit<CliResult, "signal"> & { readonly findings: readonly Finding[] }> {
  const { folder } = of;
  const result = await runCli(["check", "--json"], { folder, environment: { ...of.environment, ...environment } });
  return { ...result, findings: (JSON.parse(result.stdout) as { findings: Finding[] }).findings };
}

const of = (findings: readonly Finding[], subject: string): readonly Finding[] =>
  findings.filter((finding) => finding.subject === subject);

/** Of the answer to GetQueueAttributes. */
function changeAttributes(changed: Readonly<Record<string, string>>): void {
  proxy.change = (request, reply) => {
    if (request.action !== "GetQueueAttributes") return reply;
    const { Attributes } = JSON.parse(reply.body) as { Attributes: Record<string, string> };
    return { ...reply, body: JSON.stringify({ Attributes: { ...Attributes, ...changed } }) };
  };
}

it("names the access key by its end, where it comes from, and no secret", async () => {
  const secret = "the-secret-of-the-key";
  const environment = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: secret };
  const lasting = await check(environment);
  expect(of(lasting.findings, "identity")).toMatchObject([
    { level: "ok", text: "AWS access key …MPLE from the environment" },
  ]);
  const token = "the-session-token";
  const temporary = await check({ ...environment, AWS_SESSION_TOKEN: token });
  expect(temporary.code).toBe(0);
  expect(of(temporary.findings, "identity")).toMatchObject([
    { level: "warning", hint: expect.stringContaining("role") },
  ]);
  const expired = await check({ ...environment, AWS_CREDENTIAL_EXPIRATION: "2026-01-31T12:00:00Z" });
  expect(expired.code).toBe(4);
  expect(of(expired.findings, "identity")).toMatchObject([{ level: "error", code: "queue.credentials" }]);
  for (const { stdout, stderr } of [lasting, temporary, expired]) {
    for (const raw of [secret, token, "AKIAIOSFODNN7"]) expect(stdout + stderr).not.toContain(raw);
  }
});

it("asks SQS nothing more when there are no credentials", async () => {
  const { code, findings } = await check({
    AWS_ACCESS_KEY_ID: "",
    AWS_SECRET_ACCESS_KEY: "",
    AWS_EC2_METADATA_DISABLED: "true",
  });
  expect(code).toBe(4);
  expect(findings.at(-1)).toMatchObject({ subject: "identity", level: "error", code: "queue.credentials" });
  expect(proxy.requests).toEqual([]);
});

it("does not wait for long for credentials, nor for what looks for them", async () => {
  const configFile = join(pipeline.folder, "aws-config");
  // It ends when the command does.
  await writeFile(configFile, "[default]\ncredential_process = cat\n");
  const { code, stdout } = await runProcess(["check", "--json"], {
    folder: pipeline.folder,
    environment: {
      ...pipeline.environment,
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_CONFIG_FILE: configFile,
    },
  });
  expect(code).toBe(4);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  expect(of(findings, "identity")).toMatchObject([
    { level: "error", code: "queue.credentials", hint: expect.stringContaining("credential_process") },
  ]);
});

it("finds out what the identity may do, receiving only from an empty queue, and changes nothing", async () => {
  const { findings } = await check();
  expect(of(findings, "permissions")).toMatchObject([
    { level: "ok", text: expect.stringContaining("to receive, delete and release") },
  ]);
  const actions = new Set(proxy.requests.map(({ action }) => action));
  expect(actions).toContain("ReceiveMessage");

  await sqs.send(pipeline.queue.url, ["{}"]);
  proxy.requests.length = 0;
  const full = await check();
  expect(of(full.findings, "permissions")).toMatchObject([
    { level: "ok", text: expect.stringContaining("receiving was not tried") },
  ]);
  expect(of(full.findings, "queue")[0]?.text).toContain("about 1 message");
  expect(proxy.requests.map(({ action }) => action)).not.toContain("ReceiveMessage");
  expect(await sqs.count(pipeline.queue.url)).toMatchObject({ visible: 1, inFlight: 0 });
  const received = (await callSqs(sqs.endpoint, "ReceiveMessage", {
    QueueUrl: pipeline.queue.url,
    AttributeNames: ["ApproximateReceiveCount"],
  })) as { Messages: [{ Attributes: object; ReceiptHandle: string }] };
  const [message] = received.Messages;
  expect(message.Attributes).toEqual({ ApproximateReceiveCount: "1" });
  await callSqs(sqs.endpoint, "DeleteMessage", {
    QueueUrl: pipeline.queue.url,
    ReceiptHandle: message.ReceiptHandle,
  });
});

it.each([
  ["ReceiveMessage", "sqs:ReceiveMessage"],
  ["DeleteMessageBatch", "sqs:DeleteMessage"],
  ["ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"],
])("says that %s is denied, and what to grant", async (action, permission) => {
  proxy.answer = (request) => (request.action === action ? sqsError("AccessDenied", 403) : undefined);
  const { code, findings, stdout } = await check();
  expect(code).toBe(4);
  expect(of(findings, "permissions")).toMatchObject([
    {
      level: "error",
      code: "queue.denied",
      text: expect.stringContaining(permission),
      hint: expect.stringContaining("Grant"),
    },
  ]);
  expect(stdout).not.toContain("canary");
});

it("takes SQS's refusal of a receipt handle that is none for a permission", async () => {
  proxy.answer = ({ action }) => {
    if (action === "DeleteMessageBatch") return sqsError("ReceiptHandleIsInvalid", 404);
    return action === "ChangeMessageVisibilityBatch" ? sqsError("InvalidParameterValue") : undefined;
  };
  const { code, findings } = await check();
  expect(code).toBe(0);
  expect(of(findings, "permissions")).toMatchObject([{ level: "ok" }]);
});

it("asks an older server in the protocol that it speaks", async () => {
  const front = await startQueryFront(sqs.endpoint);
  const { code, findings } = await check({ AWS_ENDPOINT_URL_SQS: front.endpoint });
  await front.stop();
  expect(code).toBe(0);
  expect(front.counts.query).toBeGreaterThan(0);
  expect(of(findings, "retention")).toMatchObject([{ level: "ok", text: expect.stringContaining("4 days") }]);
  expect(of(findings, "permissions")).toMatchObject([{ level: "ok", text: expect.stringContaining("to receive,") }]);
});

it("looks at the dead-letter queue, which the identity need not be allowed to", async () => {
  const dead = await sqs.createTestQueue();
  const redrive = async (maxReceiveCount: number): Promise<void> => {
    const policy = { deadLetterTargetArn: await queueArn(sqs.endpoint, dead.url), maxReceiveCount };
    await callSqs(sqs.endpoint, "SetQueueAttributes", {
      QueueUrl: pipeline.queue.url,
      Attributes: { RedrivePolicy: JSON.stringify(policy) },
    });
  };
  const deadLetters = async () => of((await check()).findings, "dead letters");
  expect(await deadLetters()).toMatchObject([
    { level: "warning", text: expect.stringContaining("no dead-letter queue") },
  ]);
  await redrive(4);
  expect(await deadLetters()).toMatchObject([
    { level: "warning", text: expect.stringContaining("after 4 receipts"), hint: expect.stringContaining("to 10") },
    { level: "warning", text: expect.stringContaining("counted from when they were first sent") },
  ]);
  await redrive(5);
  await callSqs(sqs.endpoint, "SetQueueAttributes", {
    QueueUrl: dead.url,
    Attributes: { MessageRetentionPeriod: "1209600" },
  });
  expect(await deadLetters()).toMatchObject([{ level: "ok", text: expect.stringContaining("after 5 receipts") }]);
  await sqs.send(dead.url, loginEvents(2));
  expect(await deadLetters()).toMatchObject([
    { level: "ok", text: expect.stringContaining("after 5 receipts") },
    {
      level: "warning",
      text: "about 2 messages in the dead-letter queue",
      hint: expect.stringContaining("piipe redrive --dry-run"),
    },
  ]);
  proxy.answer = ({ input }) => (input["QueueName"] === dead.name ? sqsError("AccessDenied", 403) : undefined);
  expect(await deadLetters()).toMatchObject([
    { level: "ok" },
    { level: "ok", text: expect.stringContaining("queue.denied") },
  ]);
  proxy.answer = ({ input }) => (input["QueueName"] === dead.name ? sqsError("QueueDoesNotExist") : undefined);
  expect(await deadLetters()).toMatchObject([
    { level: "ok" },
    { level: "warning", text: expect.stringContaining("does not exist") },
  ]);
});

it("judges the queue's settings", async () => {
  changeAttributes({
    VisibilityTimeout: "10",
    MessageRetentionPeriod: "60",
    SqsManagedSseEnabled: "false",
    DelaySeconds: "5",
    MaximumMessageSize: "2097152",
  });
  const { code, findings } = await check();
  expect(code).toBe(0);
  for (const subject of ["visibility", "retention", "encryption"]) {
    expect(of(findings, subject)).toMatchObject([{ level: "warning", hint: expect.any(String) as string }]);
  }
  expect(of(findings, "queue").map(({ text }) => text)).toEqual([
    expect.stringContaining("about 0 messages"),
    expect.stringContaining("DelaySeconds"),
    expect.stringContaining("2048 KiB"),
  ]);
});

it("fails for a queue whose refused messages have nowhere to go", async () => {
  const fifo = await createLoginPipeline(sqs, { queueAttributes: { FifoQueue: "true" } });
  const keyringFile = join(fifo.folder, "piipe.keys.json");
  const keyring = JSON.parse(await readFile(keyringFile, "utf8")) as object;
  await writeFile(keyringFile, JSON.stringify({ ...keyring, sealing: undefined }));
  const { code, findings } = await check({}, fifo);
  expect(code).toBe(3);
  expect(of(findings, "queue")).toContainEqual(
    expect.objectContaining({ level: "error", code: "keys.missing", text: expect.stringContaining("FIFO") as string }),
  );
  expect(of(findings, "dead letters")).toMatchObject([{ level: "error", code: "keys.missing" }]);
  await fifo.remove();
});

it.each([
  ["a minute", 60_000, 0, "warning"],
  ["an hour", 3_600_000, 4, "error"],
])("tells a clock that is %s behind that of SQS", async (_, offsetMs, exitCode, level) => {
  proxy.change = (_request, reply) => {
    const date = new Date(Date.now() + offsetMs).toUTCString();
    return { ...reply, headers: { ...reply.headers, date } };
  };
  const { code, findings } = await check();
  expect(code).toBe(exitCode);
  const ofSqs = of(findings, "clock").filter(({ text }) => text.includes("SQS"));
  expect(ofSqs).toMatchObject([
    { level, text: expect.stringContaining("behind"), hint: expect.stringContaining("NTP") },
  ]);
});

it("warns of an endpoint without TLS on another machine", async () => {
  const host = `check-${process.pid}.invalid`;
  const { findings } = await check({ AWS_ENDPOINT_URL_SQS: `http://${host}:9` });
  expect(of(findings, "tls").at(-1)).toMatchObject({
    level: "warning",
    text: expect.stringContaining(host),
    hint: expect.stringContaining("https"),
  });
  expect(of(findings, "queue")).toMatchObject([{ level: "error", code: "queue.unreachable" }]);
  expect(of(findings, "clock").filter(({ text }) => text.includes("SQS"))).toEqual([]);
});

it("does not wait for long for a queue server that never answers", async () => {
  proxy.answer = () => "hang";
  const { code, findings } = await check();
  expect(code).toBe(4);
  expect(of(findings, "queue")).toMatchObject([
    { level: "error", code: "queue.unreachable", text: "SQS did not answer within 20 s" },
  ]);
  expect(of(findings, "database")).toMatchObject([{ level: "ok" }]);
});

it("warns of the private file beside the keyring, until it is elsewhere", async () => {
  const privateFile = join(pipeline.folder, "piipe.private.json");
  expect(of((await check()).findings, "keys")).toMatchObject([
    { level: "ok" },
    { level: "warning", text: expect.stringContaining("piipe.private.json lies beside the keyring") },
  ]);
  await rename(privateFile, join(pipeline.folder, "elsewhere.json"));
  expect(of((await check()).findings, "keys")).toMatchObject([{ level: "ok" }]);
});
