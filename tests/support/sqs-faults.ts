import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { FaultDice, type SqsFaultKind } from "./sqs-faults/fault-dice.ts";
import { FaultyBatch } from "./sqs-faults/faulty-batch.ts";
import { FaultyReceive } from "./sqs-faults/faulty-receive.ts";
import { type BackendReply, KeepAliveBackend } from "./sqs-faults/keep-alive-backend.ts";
import { Receipts } from "./sqs-faults/receipts.ts";
import { RefusingGate } from "./sqs-faults/refusing-gate.ts";

export type { SqsFaultKind } from "./sqs-faults/fault-dice.ts";

export interface SqsFaultsOptions {
  readonly seed: number;
  /**
   * Shares of what a kind can hit, 0 by default: of requests (error 500, throttle, over limit, expired token, clock
   * skew, hang), of replies (reorder, truncated, mangled), of messages (duplicates, bad MD5), of a delete's entries.
   */
  readonly rates: Readonly<Partial<Record<SqsFaultKind, number>>>;
  /** Called with the messages of each delete before it has an effect, and awaited. A rejection cuts the connection. */
  readonly beforeDelete?: (messageIds: readonly string[]) => Promise<void>;
}

/**
 * Stands in front of a server that speaks SQS's JSON protocol and does, by chance, what SQS may do and such a server
 * never does. Only receives and batches are hit: what sets a queue up goes through.
 */
export interface SqsFaults {
  readonly endpoint: string;
  readonly fired: ReadonlyMap<SqsFaultKind, number>;
  /** May be changed while it runs; 0 also ends what a kind has begun. */
  readonly rates: Record<SqsFaultKind, number>;
  stop(): Promise<void>;
}

/** A hang ends with a cut connection: clients would wait ten seconds. */
const HANG_MS = 2_000;
const HIT_ACTIONS: ReadonlySet<string> = new Set([
  "ReceiveMessage",
  "DeleteMessageBatch",
  "ChangeMessageVisibilityBatch",
]);

/** `backend`: the endpoint of the server behind. */
export async function startSqsFaults(backend: string, options: SqsFaultsOptions): Promise<SqsFaults> {
  const dice = new FaultDice(options.seed, options.rates);
  const receipts = new Receipts();
  const gate = new RefusingGate(dice);
  const receive = new FaultyReceive(dice, receipts);
  const batch = new FaultyBatch({ dice, receipts, beforeDelete: options.beforeDelete ?? (() => Promise.resolve()) });
  const server = new KeepAliveBackend(backend);

  function send(outgoing: ServerResponse, reply: BackendReply): void {
    outgoing
      .writeHead(reply.status, { "content-type": "application/x-amz-json-1.0", date: gate.date(), ...reply.headers })
      .end(reply.body);
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await text(incoming);
    const { headers } = incoming;
    const action = String(headers["x-amz-target"]).replace("AmazonSQS.", "");
    const forward = (changed: string): Promise<BackendReply> => server.post(headers, changed);
    if (!HIT_ACTIONS.has(action)) return send(outgoing, await forward(body));
    const refusal = gate.refusal(action, headers);
    if (refusal !== null) return send(outgoing, refusal);
    if (dice.strikes("hang")) return hang(outgoing);
    const isReceive = action === "ReceiveMessage";
    const reply = await (isReceive ? receive.answer(body, forward) : batch.answer(action, body, forward));
    if (hasContent(reply) && dice.strikes("truncated reply")) return truncate(outgoing, reply.body);
    send(outgoing, reply);
  }

  const front = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => {
    front.listen(0, "127.0.0.1", resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    fired: dice.fired,
    rates: dice.rates,
    async stop() {
      server.close();
      front.closeAllConnections();
      await new Promise((resolve) => {
        front.close(resolve);
      });
    },
  };
}

function hang(outgoing: ServerResponse): void {
  const timer = setTimeout(() => outgoing.destroy(), HANG_MS);
  outgoing.once("close", () => clearTimeout(timer));
}

/** An empty receive has no body worth cutting. */
function hasContent(reply: BackendReply): boolean {
  return reply.status === 200 && reply.body.length > "{}".length;
}

/** Promises the whole reply, sends half and cuts the connection. */
function truncate(outgoing: ServerResponse, body: string): void {
  const bytes = Buffer.from(body);
  outgoing.writeHead(200, { "content-type": "application/x-amz-json-1.0", "content-length": bytes.byteLength });
  outgoing.write(bytes.subarray(0, bytes.byteLength / 2), () => outgoing.destroy());
}
