/** Browsers keep six connections to a host: a page takes one. */
const VIEWERS_MAX = 20;
/** A viewer that takes nothing for so many messages is dropped. */
const SKIPPED_MAX = 15;

interface Viewer {
  readonly stream: ReadableStreamDefaultController<Uint8Array>;
  readonly drop: () => void;
  skipped: number;
}

/**
 * Everybody who watches. A viewer gets a message only when the one before has been taken: of one that does not read, one
 * message waits here, and no more.
 */
export class Viewers {
  readonly #viewers = new Set<Viewer>();
  readonly #encoder = new TextEncoder();
  readonly #onCount: (count: number) => void;
  #isClosed = false;

  /** @param onCount called when somebody came or left */
  constructor(onCount: (count: number) => void) {
    this.#onCount = onCount;
  }

  get count(): number {
    return this.#viewers.size;
  }

  get isFull(): boolean {
    return this.#isClosed || this.#viewers.size >= VIEWERS_MAX;
  }

  /**
   * A stream of server-sent events that begins with this message. Ask `isFull` before.
   * @param drop cuts the connection of a viewer that does not read
   */
  open(event: string, data: object, drop: () => void): ReadableStream<Uint8Array> {
    let viewer: Viewer | null = null;
    return new ReadableStream<Uint8Array>({
      start: (stream) => {
        viewer = { stream, drop, skipped: 0 };
        this.#viewers.add(viewer);
        stream.enqueue(this.#encode(event, data));
        this.#onCount(this.#viewers.size);
      },
      cancel: () => {
        if (viewer !== null) this.#remove(viewer);
      },
    });
  }

  send(event: string, data: object): void {
    if (this.#viewers.size === 0) return;
    const message = this.#encode(event, data);
    for (const viewer of this.#viewers) {
      if ((viewer.stream.desiredSize ?? 0) > 0) {
        viewer.stream.enqueue(message);
        viewer.skipped = 0;
      } else if ((viewer.skipped += 1) > SKIPPED_MAX) {
        this.#remove(viewer);
        viewer.drop();
      }
    }
  }

  /** Ends all streams, and opens no other. */
  close(): void {
    this.#isClosed = true;
    for (const viewer of this.#viewers) {
      this.#remove(viewer);
      viewer.stream.close();
    }
  }

  #remove(viewer: Viewer): void {
    if (this.#viewers.delete(viewer)) this.#onCount(this.#viewers.size);
  }

  #encode(event: string, data: object): Uint8Array {
    return this.#encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
