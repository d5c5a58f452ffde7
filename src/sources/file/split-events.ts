/** One event of a file, as its bytes. */
export interface EventSlice {
  /** Of its line, or of the array's element, from 1. */
  readonly number: number;
  /** Of what is longer than `bytesMax`, as many as tell that it is. */
  readonly bytes: Buffer;
}

export interface SplitOptions {
  /** An event's. */
  readonly bytesMax: number;
  /** A file that begins with `[` is an array of events. False: each line is an event, and may be an array. */
  readonly hasArray: boolean;
  /** The events up to this number are not given. Default: 0. */
  readonly passOver?: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const isWhiteSpace = (byte: number): boolean =>
  byte === 0x20 || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === 0x09;
/** Of the byte order mark in UTF-8: EF BB BF. */
const isOfMark = (byte: number): boolean => byte === 0xef || byte === 0xbb || byte === 0xbf;

const isBlank = (bytes: Buffer): boolean => bytes.every((byte) => isWhiteSpace(byte) || isOfMark(byte));

/**
 * Cuts a stream of bytes into the events that it holds: the lines of NDJSON, those that hold nothing left out, or the elements of
 * a JSON array. Holds one event at most. Whether what it cuts out is JSON is not its matter: the ends of an array's elements
 * follow from brackets and quotes alone.
 */
export class EventSplitter {
  readonly #options: SplitOptions;
  readonly #passOver: number;
  #format: "unknown" | "lines" | "array" | "closed" = "unknown";
  #number = 0;
  #events = 0;
  /** Of the event that has begun, from chunks before. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #depth = 0;
  #isInText = false;
  #isEscaped = false;
  #hasMoreBehind = false;

  constructor(options: SplitOptions) {
    this.#options = options;
    this.#passOver = options.passOver ?? 0;
  }

  /** Events that ended so far, without those that were passed over. */
  get events(): number {
    return this.#events;
  }

  /** What is wrong with the file as a whole, once `end` was called. */
  get problem(): string | null {
    if (this.#format === "array") return "is cut off: the array that it begins with has no end";
    return this.#hasMoreBehind ? "goes on behind the end of the array that it begins with" : null;
  }

  *push(chunk: Buffer): Generator<EventSlice> {
    let from = 0;
    if (this.#format === "unknown") {
      const first = chunk.findIndex((byte) => !isWhiteSpace(byte) && !isOfMark(byte));
      if (first !== -1) {
        this.#format = this.#options.hasArray && chunk[first] === OPEN_ARRAY ? "array" : "lines";
        if (this.#format === "array") {
          this.#number = 0;
          this.#drop();
          from = first + 1;
        }
      }
    }
    if (this.#format === "array") yield* this.#elements(chunk, from);
    else if (this.#format === "closed") this.#look(chunk, 0);
    else yield* this.#lines(chunk);
  }

  /** Call it when there are no more bytes. */
  *end(): Generator<EventSlice> {
    if (this.#format === "closed") return;
    if (this.#partBytes > 0) yield* this.#take(Buffer.alloc(0), 0, 0, true);
  }

  *#lines(chunk: Buffer): Generator<EventSlice> {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end === -1) break;
      yield* this.#take(chunk, start, end, true);
      start = end + 1;
    }
    this.#keep(chunk, start, chunk.length);
  }

  *#elements(chunk: Buffer, from: number): Generator<EventSlice> {
    let start = from;
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (this.#isInText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInText = false;
      } else if (byte === QUOTE) {
        this.#isInText = true;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        this.#depth += 1;
      } else if (this.#depth > 0) {
        if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.#depth -= 1;
      } else if (byte === COMMA) {
        yield* this.#take(chunk, start, at, false);
        start = at + 1;
      } else if (byte === CLOSE_ARRAY) {
        // An array without elements has none; behind a comma there should be one.
        yield* this.#take(chunk, start, at, this.#number === 0);
        this.#format = "closed";
        this.#look(chunk, at + 1);
        return;
      }
    }
    this.#keep(chunk, start, chunk.length);
  }

  #look(chunk: Buffer, from: number): void {
    this.#hasMoreBehind ||= !isBlank(chunk.subarray(from));
  }

  *#take(chunk: Buffer, start: number, end: number, leavesOutBlank: boolean): Generator<EventSlice> {
    this.#number += 1;
    if (this.#number <= this.#passOver) return this.#drop();
    this.#keep(chunk, start, end);
    const whole = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#drop();
    const bytes = whole?.at(-1) === CARRIAGE_RETURN ? whole.subarray(0, -1) : (whole ?? Buffer.alloc(0));
    if (leavesOutBlank && isBlank(bytes)) return;
    this.#events += 1;
    yield { number: this.#number, bytes };
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const room = this.#options.bytesMax + 1 - this.#partBytes;
    if (end <= start || room <= 0 || this.#number + 1 <= this.#passOver) return;
    const part = chunk.subarray(start, Math.min(end, start + room));
    this.#parts.push(part);
    this.#partBytes += part.length;
  }

  #drop(): void {
    this.#parts = [];
    this.#partBytes = 0;
  }
}
