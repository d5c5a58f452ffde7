import type { Socket } from "node:net";
import { type Refusal, kindOf, refusalOf, statementsIn, translated } from "./dsql-rules.ts";

const ROWS_MAX = 3_000;
const BYTES_MAX = 10 * 1024 * 1024;

/** What is counted. */
export type Counted = "commits" | "conflicts" | "ended" | "tooMany" | "refused";

export interface Behaviour {
  /** Before the connection ends; null: it does not. */
  readonly statementsLeft: () => number | null;
  readonly isConflict: () => boolean;
  readonly note: (what: Counted) => void;
  readonly noteRows: (rows: number) => void;
}

/** A message of the protocol, its type and length included. */
interface Message {
  readonly type: string;
  readonly bytes: Buffer;
}

const ENCRYPTION_REQUESTS: ReadonlySet<number> = new Set([80_877_103, 80_877_104]);
const HEADER = 5;

const TOO_MUCH: Refusal = { sqlState: "54000", message: "transaction row limit exceeded" };

/** Rows that the transaction has changed so far; those of before that the session has not handed over yet among them. */
const COUNT_ROWS = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables";

/** A client and the server, and what passes between them. */
export class DsqlConnection {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #behaviour: Behaviour;
  #requests = Buffer.alloc(0);
  #replies = Buffer.alloc(0);
  #hasStarted = false;
  #work: Promise<void> = Promise.resolve();
  /** One for each error that the server is to answer with: what the client gets instead. */
  readonly #refusals: Refusal[] = [];
  /** The next reply to a command is to be this error. */
  #conflict = false;
  /** Of a question of our own: its replies go here, and not to the client. */
  #asking: { value: string; done: () => void } | null = null;
  #statementsLeft: number | null = null;
  #isOpen = false;
  #ddl = 0;
  #dml = 0;
  #bytes = 0;
  #rowsBefore = 0;

  constructor(client: Socket, upstream: Socket, behaviour: Behaviour) {
    this.#client = client;
    this.#upstream = upstream;
    this.#behaviour = behaviour;
    for (const socket of [client, upstream]) {
      socket.on("error", () => {});
      socket.on("close", () => this.destroy());
    }
    client.on("data", (chunk) => {
      this.#requests = Buffer.concat([this.#requests, chunk]);
      this.#work = this.#work.then(() => this.#readRequests()).catch(() => this.destroy());
    });
    upstream.on("data", (chunk) => {
      this.#replies = Buffer.concat([this.#replies, chunk]);
      this.#readReplies();
    });
  }

  destroy(): void {
    this.#client.destroy();
    this.#upstream.destroy();
    this.#asking?.done();
  }

  async #readRequests(): Promise<void> {
    while (!this.#hasStarted) {
      if (this.#requests.length < 8) return;
      if (ENCRYPTION_REQUESTS.has(this.#requests.readInt32BE(4))) {
        this.#client.write("N");
        this.#requests = this.#requests.subarray(8);
        continue;
      }
      const length = this.#requests.readInt32BE(0);
      if (this.#requests.length < length) return;
      this.#upstream.write(this.#requests.subarray(0, length));
      this.#requests = this.#requests.subarray(length);
      this.#hasStarted = true;
    }
    for (let message = take(this.#requests); message !== null; message = take(this.#requests)) {
      this.#requests = this.#requests.subarray(message.bytes.length);
      await this.#request(message);
    }
  }

  async #request({ type, bytes }: Message): Promise<void> {
    this.#bytes += bytes.length;
    if (type !== "Q" && type !== "P") {
      this.#upstream.write(bytes);
      return;
    }
    this.#statementsLeft ??= this.#behaviour.statementsLeft();
    if (this.#statementsLeft !== null && (this.#statementsLeft -= 1) < 0) return this.#end(bytes);
    const [name, text, rest] = partsOf(type, bytes);
    const statements = statementsIn(text);
    const refusal = this.#judge(statements);
    const last = statements.at(-1) ?? "";
    if (refusal !== null) {
      this.#behaviour.note("refused");
      return this.#refuse(type, name, refusal, rest);
    }
    const kind = kindOf(last);
    if (kind === "begin") this.#rowsBefore = Number(await this.#ask(COUNT_ROWS));
    const rows = this.#isOpen && kind !== "begin" && kind !== "rollback" ? await this.#changedRows() : 0;
    // Told with the first statement after the one that changed too much.
    if (rows > ROWS_MAX || (this.#isOpen && this.#bytes > BYTES_MAX)) {
      this.#behaviour.note("tooMany");
      return this.#refuse(type, name, TOO_MUCH, rest);
    }
    if (kind === "commit") return this.#commit(bytes, rows);
    this.#upstream.write(messageOf(type, name, translated(text), rest));
  }

  /** So far in the transaction; 0 in one that has failed. */
  async #changedRows(): Promise<number> {
    const counted = this.#dml === 0 ? "" : await this.#ask(COUNT_ROWS);
    return counted === "" ? 0 : Number(counted) - this.#rowsBefore;
  }

  #end(bytes: Buffer): void {
    this.#behaviour.note("ended");
    // Half of the time after the server got it: whether a COMMIT took place is then unknown.
    if (this.#bytes % 2 === 0) this.#upstream.write(bytes);
    this.#upstream.end();
    this.#client.destroySoon();
  }

  #judge(statements: readonly string[]): Refusal | null {
    for (const statement of statements) {
      const refusal = refusalOf(statement);
      if (refusal !== null) return refusal;
      const kind = kindOf(statement);
      if (kind === "begin" || kind === "rollback") {
        [this.#isOpen, this.#ddl, this.#dml, this.#bytes] = [kind === "begin", 0, 0, 0];
      } else if (kind === "ddl") this.#ddl += 1;
      else if (/^(?:WITH|INSERT|UPDATE|DELETE)\b/i.test(statement)) this.#dml += 1;
      // Alone, each is a transaction of its own.
      if (!this.#isOpen) [this.#ddl, this.#dml] = [0, 0];
      if (this.#ddl > 1)
        return { sqlState: "0A000", message: "multiple ddl statements not supported in a transaction" };
      if (this.#ddl > 0 && this.#dml > 0)
        return { sqlState: "0A000", message: "ddl and dml are not supported in the same transaction" };
    }
    return null;
  }

  /** The server meets an error in its place, so that it and the client agree on the state of the transaction. */
  #refuse(type: string, name: Buffer, refusal: Refusal, rest: Buffer): void {
    this.#refusals.push(refusal);
    this.#upstream.write(messageOf(type, name, "refused", rest));
  }

  #commit(bytes: Buffer, rows: number): void {
    this.#isOpen = false;
    if (rows > 0 && this.#behaviour.isConflict()) {
      this.#behaviour.note("conflicts");
      this.#conflict = true;
      this.#upstream.write(messageOf("Q", Buffer.alloc(0), "ROLLBACK", Buffer.alloc(0)));
      return;
    }
    if (rows > 0) this.#behaviour.note("commits");
    this.#behaviour.noteRows(rows);
    this.#upstream.write(bytes);
  }

  /** '' when the server answers with an error, or not at all. */
  async #ask(text: string): Promise<string> {
    const asking = { value: "", done: () => {} };
    const answered = new Promise<void>((resolve) => (asking.done = resolve));
    this.#asking = asking;
    this.#upstream.write(messageOf("Q", Buffer.alloc(0), text, Buffer.alloc(0)));
    await answered;
    this.#asking = null;
    return asking.value;
  }

  #readReplies(): void {
    for (let message = take(this.#replies); message !== null; message = take(this.#replies)) {
      this.#replies = this.#replies.subarray(message.bytes.length);
      this.#reply(message);
    }
  }

  #reply({ type, bytes }: Message): void {
    const asking = this.#asking;
    if (asking !== null) {
      if (type === "D") asking.value = bytes.subarray(HEADER + 2 + 4).toString();
      if (type === "Z") asking.done();
      return;
    }
    if (type === "E") {
      const refusal = this.#refusals.shift();
      this.#client.write(refusal === undefined ? bytes : errorOf(refusal));
    } else if (type === "C" && this.#conflict) {
      this.#conflict = false;
      this.#client.write(
        errorOf({ sqlState: "40001", message: "change conflicts with another transaction, please retry: (OC000)" }),
      );
    } else this.#client.write(bytes);
  }
}

/** The message at the beginning, when all of it is there. */
function take(bytes: Buffer): Message | null {
  if (bytes.length < HEADER) return null;
  const end = 1 + bytes.readInt32BE(1);
  return bytes.length < end ? null : { type: String.fromCharCode(bytes[0] ?? 0), bytes: bytes.subarray(0, end) };
}

/** Of a Query or a Parse: the statement's name with its end, its text, and what follows that. */
function partsOf(type: string, bytes: Buffer): readonly [name: Buffer, text: string, rest: Buffer] {
  const start = type === "Q" ? HEADER : bytes.indexOf(0, HEADER) + 1;
  const end = bytes.indexOf(0, start);
  return [bytes.subarray(HEADER, start), bytes.subarray(start, end).toString(), bytes.subarray(end + 1)];
}

function messageOf(type: string, name: Buffer, text: string, rest: Buffer): Buffer {
  const body = Buffer.concat([name, Buffer.from(`${text}\0`), rest]);
  const header = Buffer.alloc(HEADER);
  header.write(type);
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}

function errorOf({ sqlState, message }: Refusal): Buffer {
  return messageOf("E", Buffer.alloc(0), `SERROR\0VERROR\0C${sqlState}\0M${message}\0`, Buffer.alloc(0));
}
