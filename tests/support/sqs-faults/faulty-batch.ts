import type { SeededRandom } from "../seeded-random.ts";
import type { FaultDice } from "./fault-dice.ts";
import type { BackendReply } from "./keep-alive-backend.ts";
import type { Receipts } from "./receipts.ts";

interface Entry {
  readonly Id: string;
  readonly ReceiptHandle: string;
}

interface BatchInput {
  readonly Entries: readonly Entry[];
}

interface Failure {
  readonly Id: string;
  readonly Code: string;
  readonly SenderFault: boolean;
  readonly Message: string;
}

interface BatchOutput {
  readonly Successful: readonly { readonly Id: string }[];
  readonly Failed: readonly Failure[];
}

export interface FaultyBatchOptions {
  readonly dice: FaultDice;
  readonly receipts: Receipts;
  /** As in SqsFaultsOptions. */
  readonly beforeDelete: (messageIds: readonly string[]) => Promise<void>;
}

const failure = (id: string): Failure => ({
  Id: id,
  Code: "InternalError",
  SenderFault: false,
  Message: "failed on purpose",
});

/** Replies that SQS never documents, each to a batch that was carried out. */
const MANGLINGS: readonly ((output: BatchOutput, random: SeededRandom) => object)[] = [
  function unanswered({ Successful, Failed }, random) {
    const all = [...Successful, ...Failed];
    const { Id } = all.length === 0 ? { Id: "0" } : random.pick(all);
    const isOther = (entry: { readonly Id: string }): boolean => entry.Id !== Id;
    return { Successful: Successful.filter(isOther), Failed: Failed.filter(isOther) };
  },
  function unknownIds({ Successful, Failed }) {
    return { Successful: [...Successful, { Id: "99" }, { Id: "" }], Failed: [...Failed, failure("99"), failure("")] };
  },
  function nullFailed({ Successful }) {
    return { Successful, Failed: null };
  },
  function noSuccessful({ Failed }) {
    return { Failed };
  },
  function doubled({ Successful, Failed }) {
    const twice = Successful.slice(0, 1).map(({ Id }) => failure(Id));
    return { Successful: [...Successful, ...Successful], Failed: [...Failed, ...Failed, ...twice, ...twice] };
  },
  function otherAction() {
    return { Messages: [] };
  },
];

/** Deletes and changes of visibility with what SQS may do to them: entries that fail, replies that do not add up. */
export class FaultyBatch {
  readonly #options: FaultyBatchOptions;

  constructor(options: FaultyBatchOptions) {
    this.#options = options;
  }

  async answer(action: string, body: string, forward: (body: string) => Promise<BackendReply>): Promise<BackendReply> {
    const { dice, receipts, beforeDelete } = this.#options;
    const input = JSON.parse(body) as BatchInput;
    const isDelete = action === "DeleteMessageBatch";
    if (isDelete) {
      const ids = input.Entries.map((entry) => receipts.idOf(entry.ReceiptHandle));
      await beforeDelete([...new Set(ids.filter((id) => id !== undefined))]);
    }
    const isMangled = dice.strikes("mangled batch reply");
    // One more mangling than those of the reply: an entry that is not even sent on.
    const mangling = isMangled ? dice.random.below(MANGLINGS.length + 1) : null;
    const lost = mangling === MANGLINGS.length ? dice.random.below(input.Entries.length) : -1;
    const forwarded: Entry[] = [];
    let successful: readonly { readonly Id: string }[] = [];
    let failed: readonly Failure[] = [];
    input.Entries.forEach((entry, i) => {
      if (i === lost) return;
      const handle = receipts.resolve(entry.ReceiptHandle);
      if (isDelete && dice.strikes("failed delete entry")) failed = [...failed, failure(entry.Id)];
      else if (handle === null) successful = [...successful, { Id: entry.Id }];
      else forwarded.push(handle === entry.ReceiptHandle ? entry : { ...entry, ReceiptHandle: handle });
    });
    if (forwarded.length > 0) {
      const reply = await forward(JSON.stringify({ ...input, Entries: forwarded }));
      if (reply.status !== 200) return reply;
      const output = JSON.parse(reply.body) as Partial<BatchOutput>;
      if (isDelete) this.#forget(forwarded, output.Successful ?? []);
      successful = [...successful, ...(output.Successful ?? [])];
      failed = [...failed, ...(output.Failed ?? [])];
    }
    const output: BatchOutput = { Successful: successful, Failed: failed };
    const mangle = mangling === null ? undefined : MANGLINGS[mangling];
    return { status: 200, body: JSON.stringify(mangle === undefined ? output : mangle(output, dice.random)) };
  }

  #forget(entries: readonly Entry[], successful: readonly { readonly Id: string }[]): void {
    const done = new Set(successful.map(({ Id }) => Id));
    for (const entry of entries) if (done.has(entry.Id)) this.#options.receipts.forget(entry.ReceiptHandle);
  }
}
