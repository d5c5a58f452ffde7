import { expect, it } from "vitest";
import { describeFailure } from "./client/describe-failure.ts";
import type { ActionInputs, BatchOutput, SqsCaller } from "./client/sqs-actions.ts";
import { replyFailure } from "./client/sqs-errors.ts";
import { sendBatch } from "./settler.ts";

const NEVER = new AbortController().signal;
const CONTEXT = { action: "DeleteMessageBatch", queue: "q", region: "r", origin: "http://o" } as const;

/** Answers each batch by its handles, and notes them. */
function callerOf(answer: (handles: readonly string[]) => BatchOutput): { caller: SqsCaller; sent: string[][] } {
  const sent: string[][] = [];
  const caller = {
    async call(_action: string, input: ActionInputs["DeleteMessageBatch"]) {
      const handles = input.Entries.map(({ ReceiptHandle: handle }) => handle);
      sent.push(handles);
      return answer(handles);
    },
  } as unknown as SqsCaller;
  return { caller, sent };
}

function send(caller: SqsCaller, handles: readonly string[]) {
  const entries = handles.map((handle) => ({ ReceiptHandle: handle }));
  return sendBatch(caller, "DeleteMessageBatch", "http://q", entries, NEVER);
}

const done = (...ids: readonly string[]) => ids.map((Id) => ({ Id }));
const failed = (Id: string, Code: string, SenderFault: boolean) => ({ Id, Code, SenderFault });

it.each<[string, BatchOutput, readonly string[]]>([
  ["all done", { Successful: done("0", "1", "2"), Failed: [] }, ["done", "done", "done"]],
  ["an entry in neither list", { Successful: done("0", "2"), Failed: [] }, ["done", "again", "done"]],
  ["nothing", { Successful: [], Failed: [] }, ["again", "again", "again"]],
  [
    "failures that pass and one that stays",
    {
      Successful: done("1"),
      Failed: [failed("0", "InternalError", false), failed("2", "ReceiptHandleIsInvalid", true)],
    },
    ["again", "done", "refused"],
  ],
  [
    "Ids that were not sent, some of which a number is read from",
    { Successful: done("0", "", " 1", "1.0", "0x2", "9"), Failed: [failed("", "ReceiptHandleIsInvalid", true)] },
    ["done", "again", "again"],
  ],
  [
    "an entry in both lists",
    { Successful: done("0", "1", "2"), Failed: [failed("1", "ReceiptHandleIsInvalid", true)] },
    ["done", "again", "done"],
  ],
  [
    "each twice",
    {
      Successful: done("0", "0"),
      Failed: [
        failed("1", "ReceiptHandleIsInvalid", true),
        failed("1", "ReceiptHandleIsInvalid", true),
        failed("2", "InternalError", false),
        failed("2", "ReceiptHandleIsInvalid", true),
      ],
    },
    ["done", "refused", "again"],
  ],
])("reads of a reply with %s what became of each entry", async (_what, reply, expected) => {
  const { caller } = callerOf(() => reply);
  expect(await send(caller, ["a", "b", "c"])).toEqual(expected);
});

it.each(["ReceiptHandleIsInvalid", "BatchRequestTooLong", "InvalidIdFormat"])(
  "sends a batch that %s refuses as a whole one by one",
  async (code) => {
    const { caller, sent } = callerOf((handles) => {
      if (handles.includes("bad")) throw describeFailure(replyFailure(code, 400, null), CONTEXT);
      return { Successful: done("0"), Failed: [] };
    });
    expect(await send(caller, ["a", "bad", "c"])).toEqual(["done", "refused", "done"]);
    expect(sent).toEqual([["a", "bad", "c"], ["a"], ["bad"], ["c"]]);
  },
);

it("throws what is no fault of an entry", async () => {
  const { caller, sent } = callerOf(() => {
    throw describeFailure(replyFailure("KmsDisabled", 400, null), CONTEXT);
  });
  await expect(send(caller, ["a", "b"])).rejects.toMatchObject({ code: "queue.refused" });
  expect(sent).toHaveLength(1);
});
