import { expect, it } from "vitest";
import type { QueueAttributes } from "../../app/open-queue-inspector.ts";
import { type ErrorCode, PiipeError } from "../../errors.ts";
import { judgeDeadLetters } from "./judge-dead-letters.ts";

const ARN = "arn:aws:sqs:eu-west-1:123456789012:logins";
const DEAD: QueueAttributes = {
  arn: `${ARN}-dead`,
  isFifo: false,
  visibilityTimeoutSeconds: 30,
  retentionSeconds: 1_209_600,
  delaySeconds: 0,
  messageBytesMax: 262_144,
  encryption: null,
  hasContentBasedDeduplication: false,
  redrive: null,
  depth: 0,
};
const QUEUE: QueueAttributes = {
  ...DEAD,
  arn: ARN,
  retentionSeconds: 345_600,
  redrive: { deadLetterArn: DEAD.arn, receivesMax: 10 },
};
const FOUND = { ok: true, value: DEAD } as const;
const failed = (code: ErrorCode) => ({ ok: false, error: new PiipeError(code, "") }) as const;

it("is content with one that keeps messages longer and takes them after some receipts", () => {
  expect(judgeDeadLetters(QUEUE, FOUND, true)).toMatchObject([
    { level: "ok", text: `${DEAD.arn} takes a message after 10 receipts; it is empty` },
  ]);
});

it("warns when there is none, and fails when there is no key for sealing either", () => {
  const queue = { ...QUEUE, redrive: null };
  expect(judgeDeadLetters(queue, null, true)).toMatchObject([
    {
      level: "warning",
      text: expect.stringContaining("no dead-letter queue"),
      hint: expect.stringContaining("redrive"),
    },
  ]);
  expect(judgeDeadLetters(queue, null, false)).toMatchObject([
    { level: "error", code: "keys.missing", hint: expect.stringContaining("piipe keys new") },
  ]);
});

it.each([
  [4, "warning"],
  [5, "ok"],
])("after %d receipts: %s", (receivesMax, level) => {
  const queue = { ...QUEUE, redrive: { deadLetterArn: DEAD.arn, receivesMax } };
  expect(judgeDeadLetters(queue, FOUND, true)).toMatchObject([{ level }]);
});

it("warns of what is in it, and says how to bring it back", () => {
  const found = { ok: true, value: { ...DEAD, depth: 27 } } as const;
  expect(judgeDeadLetters(QUEUE, found, true)).toMatchObject([
    { level: "ok", text: `${DEAD.arn} takes a message after 10 receipts` },
    {
      level: "warning",
      text: "about 27 messages in the dead-letter queue",
      hint: expect.stringContaining("piipe redrive --dry-run"),
    },
  ]);
});

it("warns when it drops messages as early as the queue, but for a FIFO queue, which counts anew", () => {
  const found = { ok: true, value: { ...DEAD, retentionSeconds: 345_600 } } as const;
  const [, finding] = judgeDeadLetters(QUEUE, found, true);
  expect(finding).toMatchObject({ level: "warning", text: expect.stringContaining("for 4 days, counted from") });
  expect(judgeDeadLetters({ ...QUEUE, isFifo: true }, found, true)).toHaveLength(1);
  expect(judgeDeadLetters({ ...QUEUE, retentionSeconds: null }, found, true)).toHaveLength(1);
});

it("warns when it is not there, and not when it may not be looked at", () => {
  const [, missing] = judgeDeadLetters(QUEUE, failed("queue.not-found"), true);
  expect(missing).toMatchObject({ level: "warning", text: expect.stringContaining("does not exist") });
  const [, denied] = judgeDeadLetters(QUEUE, failed("queue.denied"), true);
  expect(denied).toMatchObject({ level: "ok", text: expect.stringContaining("(queue.denied)") });
});
