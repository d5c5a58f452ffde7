import type { Socket } from "node:net";
import { PostgresFramer } from "./postgres-framer.ts";
import type { WireFault, WireFaults, WirePoint } from "./wire-faults.ts";

type Statement = "BEGIN" | "claim" | "COMMIT";

/** As the pipeline sends them: a Query's text, or a Parse's after its empty name. */
const BEGINNINGS: ReadonlyArray<{ readonly type: string; readonly bytes: Buffer; readonly statement: Statement }> = [
  { type: "Q", bytes: Buffer.from("BEGIN ISOLATION LEVEL"), statement: "BEGIN" },
  { type: "Q", bytes: Buffer.from("COMMIT\0"), statement: "COMMIT" },
  { type: "P", bytes: Buffer.from("\0\nWITH claimed AS"), statement: "claim" },
];
const HEADER_BYTES = 5;

/** What a client may send instead of its start-up message: PostgreSQL, "Message Formats", SSLRequest and GSSENCRequest. */
const ENCRYPTION_REQUESTS: ReadonlySet<number> = new Set([80_877_103, 80_877_104]);
const ENCRYPTION_REQUEST_BYTES = 8;
const ENCRYPTION_REFUSED = "N";

const COMMAND_COMPLETE = "C";
const ERROR_RESPONSE = "E";
const READY_FOR_QUERY = "Z";

const POINTS_OF: Readonly<Record<Statement, readonly WirePoint[]>> = {
  BEGIN: ["before BEGIN"],
  claim: ["before the claim", "after the claim"],
  COMMIT: ["before COMMIT arrives", "before the reply to COMMIT", "after the reply to COMMIT"],
};
const REPLY_POINTS: ReadonlySet<WirePoint> = new Set([
  "after the claim",
  "before the reply to COMMIT",
  "after the reply to COMMIT",
]);

/** A client and the server, and what passes between them. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #faults: WireFaults;
  readonly #requests = new PostgresFramer();
  readonly #replies = new PostgresFramer();
  /** The beginning of the start-up message; null once it has passed. */
  #startup: Buffer | null = Buffer.alloc(0);
  #hasClaimed = false;
  /** Waits for the reply to the statement under way. */
  #replyFault: WireFault | null = null;
  #isHalfOpen = false;
  #delay: NodeJS.Timeout | undefined;

  constructor(client: Socket, upstream: Socket, faults: WireFaults) {
    this.#client = client;
    this.#upstream = upstream;
    this.#faults = faults;
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.on("end", () => {
      if (this.#isHalfOpen) upstream.destroy();
      else upstream.end();
    });
    client.on("close", () => this.destroy());
    upstream.on("close", () => {
      // A dead network tells nobody that the other side has gone.
      if (!this.#isHalfOpen) client.destroySoon();
    });
    client.on("data", (chunk) => this.#start(chunk));
    upstream.on("data", (chunk) => this.#reply(this.#replies.take(chunk)));
  }

  destroy(): void {
    clearTimeout(this.#delay);
    // It did not happen here: let it befall another.
    if (this.#replyFault !== null) this.#faults.arm(this.#replyFault);
    this.#replyFault = null;
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #start(chunk: Buffer): void {
    if (this.#startup === null) {
      this.#request(this.#requests.take(chunk));
      return;
    }
    let bytes = Buffer.concat([this.#startup, chunk]);
    while (bytes.length >= ENCRYPTION_REQUEST_BYTES && ENCRYPTION_REQUESTS.has(bytes.readInt32BE(4))) {
      this.#client.write(ENCRYPTION_REFUSED);
      bytes = bytes.subarray(ENCRYPTION_REQUEST_BYTES);
    }
    this.#startup = bytes;
    if (bytes.length < ENCRYPTION_REQUEST_BYTES) return;
    this.#startup = null;
    this.#requests.skip(bytes.readInt32BE(0));
    this.#request(bytes);
  }

  #request(bytes: Buffer): void {
    if (this.#isHalfOpen) return;
    for (let offset = 0; ;) {
      const message = this.#requests.next(bytes, offset);
      if ("end" in message) return this.#forward(bytes.subarray(0, message.end), this.#upstream);
      offset = message.start;
      const fault = this.#requestFault(message.type, message.head);
      if (fault === null) continue;
      this.#forward(bytes.subarray(0, offset), this.#upstream);
      return this.#strike(fault, this.#client, () => this.#request(bytes.subarray(offset)));
    }
  }

  /** What happens before this message. A fault of its reply is kept for that. */
  #requestFault(type: string, head: Buffer): WireFault | null {
    const statement = statementOf(type, head);
    if (statement === null) return null;
    const isCounted = statement !== "COMMIT" || this.#hasClaimed;
    this.#hasClaimed = statement === "claim";
    const fault = isCounted ? this.#faults.take(POINTS_OF[statement]) : null;
    if (fault === null || !REPLY_POINTS.has(fault.point)) return fault;
    this.#replyFault = fault;
    return null;
  }

  #reply(bytes: Buffer): void {
    if (this.#isHalfOpen) return;
    for (let offset = 0; ;) {
      const message = this.#replies.next(bytes, offset);
      if ("end" in message) return this.#forward(bytes.subarray(0, message.end), this.#client);
      offset = message.start;
      const fault = this.#replyFault;
      if (fault === null) continue;
      if (fault.point === "before the reply to COMMIT") {
        if (message.type !== COMMAND_COMPLETE && message.type !== ERROR_RESPONSE) continue;
        this.#replyFault = null;
        this.#forward(bytes.subarray(0, offset), this.#client);
        return this.#strike(fault, this.#upstream, () => this.#reply(bytes.subarray(offset)));
      }
      if (message.type !== READY_FOR_QUERY) continue;
      // The last of a reply: nothing follows it until the client asks again.
      this.#replyFault = null;
      this.#forward(bytes, this.#client);
      this.#replies.skip(0);
      return this.#strike(fault, this.#client, () => {});
    }
  }

  #forward(bytes: Buffer, to: Socket): void {
    if (bytes.length > 0) to.write(bytes);
  }

  /** A delay holds back what `from` sends; `goOn` lets through what of that was read already. */
  #strike(fault: WireFault, from: Socket, goOn: () => void): void {
    this.#faults.note(fault);
    const { effect } = fault;
    if (effect === "cut") {
      // What had passed before still arrives.
      this.#client.destroySoon();
      this.#upstream.destroySoon();
    } else if (effect === "half-open") {
      this.#isHalfOpen = true;
    } else {
      from.pause();
      const resume = (): void => {
        goOn();
        from.resume();
      };
      if ("until" in effect) void effect.until.then(resume);
      else this.#delay = setTimeout(resume, effect.delayMs);
    }
  }
}

function statementOf(type: string, head: Buffer): Statement | null {
  const isBeginning = ({ type: expected, bytes }: (typeof BEGINNINGS)[number]): boolean =>
    type === expected && head.subarray(HEADER_BYTES, HEADER_BYTES + bytes.length).equals(bytes);
  return BEGINNINGS.find(isBeginning)?.statement ?? null;
}
