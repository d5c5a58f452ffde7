/** A message of PostgreSQL's protocol that begins in a piece of the stream. */
export interface WireMessage {
  /** Its type byte as a character, such as `Q`. */
  readonly type: string;
  /** Its first bytes, the type and the length among them: the whole message when it is shorter than that. */
  readonly head: Buffer;
  /** Where it begins in the piece. */
  readonly start: number;
  /** With type and length. */
  readonly byteCount: number;
}

/** Enough to recognise a statement by its beginning: type, length, the empty name of a Parse, the first words. */
const HEAD_BYTES = 40;
const TYPE_BYTES = 1;
const LENGTH_BYTES = 4;
const NOTHING = Buffer.alloc(0);

/**
 * Finds where the messages begin in one direction of a connection, once its start-up is over: each is a type byte, its
 * length without that byte, and the rest, which is skipped unread. Source: PostgreSQL, "Message Formats".
 */
export class PostgresFramer {
  /** The beginning of a message, too short to tell what it is. */
  #held = NOTHING;
  /** Of the message under way, still to come. */
  #bytesLeft = 0;

  /** The next bytes of a message already known, such as the one that starts a connection. */
  skip(byteCount: number): void {
    this.#bytesLeft = byteCount;
  }

  /** What to read next: the chunk, after what was held of the one before. */
  take(chunk: Buffer): Buffer {
    if (this.#held.length === 0) return chunk;
    const bytes = Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    return bytes;
  }

  /**
   * The next message at or after `offset`. null: none begins any more; the bytes up to `end` belong to those before it,
   * the others are held for the next chunk.
   */
  next(bytes: Buffer, offset: number): WireMessage | { readonly end: number } {
    const skipped = Math.min(this.#bytesLeft, bytes.length - offset);
    this.#bytesLeft -= skipped;
    const start = offset + skipped;
    const head = bytes.subarray(start, start + HEAD_BYTES);
    const byteCount =
      head.length < TYPE_BYTES + LENGTH_BYTES ? Number.POSITIVE_INFINITY : TYPE_BYTES + head.readInt32BE(TYPE_BYTES);
    if (head.length < Math.min(byteCount, HEAD_BYTES)) {
      this.#held = Buffer.from(head);
      return { end: start };
    }
    this.#bytesLeft = byteCount;
    return { type: String.fromCharCode(head[0] ?? 0), head: head.subarray(0, byteCount), start, byteCount };
  }
}
