import { expect, it } from "vitest";
import { systemClock } from "../../clock.ts";
import { describeFailure } from "./client/describe-failure.ts";
import type { ActionInputs, BatchOutput, SqsCaller } from "./client/sqs-actions.ts";
import { replyFailure } from "./client/sqs-errors.ts";
import { Settler } from "./settler.ts";
import type { HeldReceipt } from "./tracker.ts";

const NEVER = new AbortController().signal;
const CONTEXT = { action: "DeleteMessageBatch", queue: "q", region: "r", origin: "http://o" } as const;

type Input = ActionInputs["ChangeMessageVisibilityBatch"];

function open(answer: (input: Input, round: number) => BatchOutput) {
  const sent: string[][] = [];
  const client = {
    async call(_action: string, input: Input) {
      const round = sent.push(input.Entries.map(({ ReceiptHandle: handle }) => handle));
      return answer(input, round);
    },
  } as unknown as SqsCaller;
  const settler = new Settler({ client, queueUrl: "http://q", clock: { ...systemClock, random: () => 0 } });
  return { settler, sent };
}

function messagesOf(count: number): HeldReceipt[] {
  return Array.from({ length: count }, (_, i) => ({ receiptHandle: `h${i}`, requestedAtMs: Date.now() }));
}

const settle = {
  delete: (settler: Settler, messages: readonly HeldReceipt[]) => settler.delete(messages, NEVER),
  release: (settler: Settler, messages: readonly HeldReceipt[]) =>
    settler.release(
      messages.map((message) => ({ message, delaySeconds: 5 })),
      NEVER,
    ),
};
const allDone = ({ Entries }: Input): BatchOutput => ({ Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] });

for (const kind of ["delete", "release"] as const) {
  it(`${kind}s again what a reply does not mention`, async () => {
    const { settler, sent } = open((input, round) => {
      const { Successful, Failed } = allDone(input);
      return { Successful: round === 1 ? Successful.filter(({ Id }) => Id !== "1") : Successful, Failed };
    });
    expect(await settle[kind](settler, messagesOf(3))).toEqual({ done: 3, refusal: null });
    expect(sent).toEqual([["h0", "h1", "h2"], ["h1"]]);
  });

  it(`gives up to ${kind} what is never mentioned, and does not count it`, async () => {
    const { settler, sent } = open(() => ({ Successful: [], Failed: [] }));
    expect(await settle[kind](settler, messagesOf(2))).toEqual({ done: 0, refusal: null });
    expect(sent).toHaveLength(3);
  });

  it(`${kind}s also by the handle that came while the older one was under way, refused or not`, async () => {
    const messages = messagesOf(2);
    const { settler, sent } = open((input, round) => {
      if (round > 1) return allDone(input);
      for (const message of messages) message.receiptHandle += "-newer";
      return { Successful: [{ Id: "0" }], Failed: [{ Id: "1", Code: "ReceiptHandleIsInvalid", SenderFault: true }] };
    });
    expect(await settle[kind](settler, messages)).toEqual({ done: 2, refusal: null });
    expect(sent).toEqual([
      ["h0", "h1"],
      ["h0-newer", "h1-newer"],
    ]);
  });

  it(`counts what was ${kind}d although others were denied, and sends no more than is under way`, async () => {
    const denied = describeFailure(replyFailure("AccessDenied", 403, null), CONTEXT);
    const { settler, sent } = open((input) => {
      if (input.Entries[0]?.ReceiptHandle !== "h0") return allDone(input);
      throw denied;
    });
    // Eight batches at once: the ninth and later are sent only by those that were done.
    const { done, refusal } = await settle[kind](settler, messagesOf(200));
    expect(refusal).toBe(denied);
    expect(done).toBe((sent.length - 1) * 10);
    expect(sent.length).toBeLessThan(20);
  });
}

it("ends each message with its own entry: the others of its batch may take a while", async () => {
  const ended: string[] = [];
  const endedBefore: string[][] = [];
  const { settler } = open((input, round) => {
    endedBefore.push([...ended]);
    const { Successful, Failed } = allDone(input);
    return { Successful: round === 1 ? Successful.filter(({ Id }) => Id !== "1") : Successful, Failed };
  });
  await settler.delete(messagesOf(3), NEVER, ({ receiptHandle }) => ended.push(receiptHandle));
  expect(endedBefore).toEqual([[], ["h0", "h2"]]);
  expect(ended).toEqual(["h0", "h2", "h1"]);
});

it("ends also what it gives up", async () => {
  const ended: string[] = [];
  const { settler } = open(() => ({ Successful: [], Failed: [] }));
  await settler.delete(messagesOf(2), NEVER, ({ receiptHandle }) => ended.push(receiptHandle));
  expect(ended).toEqual(["h0", "h1"]);
});
