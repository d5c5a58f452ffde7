import { describe, expect, it } from "vitest";
import type { QueueAttributes } from "../../app/open-queue-inspector.ts";
import { judgeEncryption, judgeEndpoint, judgeRetention, judgeVisibility, queueNotes } from "./judge-queue.ts";

const QUEUE: QueueAttributes = {
  arn: "arn:aws:sqs:eu-west-1:123456789012:logins",
  isFifo: false,
  visibilityTimeoutSeconds: 30,
  retentionSeconds: 345_600,
  delaySeconds: 0,
  messageBytesMax: 262_144,
  encryption: "sqs-managed",
  hasContentBasedDeduplication: false,
  redrive: null,
  depth: 0,
};

describe("the visibility timeout", () => {
  it.each([
    [29, null, "warning", "29 seconds (the queue's own): a pause"],
    [30, null, "ok", "30 seconds (the queue's own)"],
    [900, null, "ok", "15 minutes"],
    [901, null, "warning", "comes back only then"],
    [43_200, null, "warning", "12 hours"],
    [43_200, 60, "ok", "1 minute (from the configuration)"],
    [60, 2, "warning", "2 seconds (from the configuration)"],
  ] as const)("of %j, configured %j: %s", (visibilityTimeoutSeconds, configured, level, text) => {
    expect(judgeVisibility({ ...QUEUE, visibilityTimeoutSeconds }, configured)).toMatchObject([
      { level, text: expect.stringContaining(text) },
    ]);
  });
});

describe("the retention", () => {
  it.each([
    [60, "warning", "1 minute: an outage that takes longer loses them"],
    [86_400, "ok", "1 day, piipe its ledger and business ids for 16 days"],
    [1_209_600, "ok", "14 days"],
    [1_209_601, "warning", "older ones would be stored again"],
  ] as const)("of %d seconds: %s", (retentionSeconds, level, text) => {
    expect(judgeRetention({ ...QUEUE, retentionSeconds })).toMatchObject([
      { level, text: expect.stringContaining(text) },
    ]);
  });
});

it.each([
  ["sqs-managed", "ok", "a key of its own"],
  ["kms", "ok", "kms:Decrypt"],
  ["none", "warning", "unencrypted"],
  [null, "ok", "does not tell"],
] as const)("the encryption %s: %s", (encryption, level, text) => {
  expect(judgeEncryption({ ...QUEUE, encryption })).toMatchObject([{ level, text: expect.stringContaining(text) }]);
});

it("says nothing of settings that the server does not tell", () => {
  const silent = { ...QUEUE, visibilityTimeoutSeconds: null, retentionSeconds: null, messageBytesMax: null };
  expect([...judgeVisibility(silent, null), ...judgeRetention(silent), ...queueNotes(silent)]).toEqual([]);
});

it("notes what is worth knowing of a queue", () => {
  expect(queueNotes(QUEUE)).toEqual([]);
  const unusual = { ...QUEUE, delaySeconds: 90, messageBytesMax: 2_097_152, hasContentBasedDeduplication: true };
  const notes = queueNotes(unusual);
  expect(new Set(notes.map(({ level }) => level))).toEqual(new Set(["ok"]));
  expect(notes.map(({ text }) => text)).toEqual([
    "each message can be received 90 seconds after it was sent (DelaySeconds)",
    "it takes messages of up to 2048 KiB; events above 1024 KiB are quarantined",
    expect.stringContaining("five minutes"),
  ]);
});

it.each([
  ["https://sqs.eu-west-1.amazonaws.com/", "ok"],
  ["http://localhost:4566/", "ok"],
  ["http://sqs.localhost:4566/", "ok"],
  ["http://127.0.0.1:4566/", "ok"],
  ["http://[::1]:4566/", "ok"],
  ["http://localstack:4566/", "warning"],
  ["http://127.example.org/", "warning"],
])("the endpoint %s: %s", (url, level) => {
  expect(judgeEndpoint(new URL(url)).level).toBe(level);
});
