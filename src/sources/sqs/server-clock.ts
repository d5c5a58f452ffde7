import type { Clock } from "../../pipeline/contracts.ts";
import type { HttpPost } from "./client/transport.ts";

/** The Date header leaves out the milliseconds. */
const DATE_RESOLUTION_MS = 1_000;

/**
 * How far a server's clock is from this machine's at least: what the whole seconds of its Date header and the reply's
 * time under way do not explain. Negative: the server's is behind.
 * @param dateMs the header's; `sentMs`, `receivedMs` this machine's times around the exchange
 */
export function offsetOf(dateMs: number, sentMs: number, receivedMs: number): number {
  const least = dateMs - receivedMs;
  const most = dateMs + DATE_RESOLUTION_MS - sentMs;
  if (least > 0) return least;
  return Math.min(most, 0);
}

/** Learns the server's time from every reply, errors too. */
export class ServerClock {
  readonly #clock: Clock;
  #offsetMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As `offsetOf`; null: no reply had a date yet. */
  get offsetMs(): number | null {
    return this.#offsetMs;
  }

  watch(inner: HttpPost): HttpPost {
    return {
      post: async (request, signal) => {
        const sentMs = this.#clock.nowMs();
        const reply = await inner.post(request, signal);
        if (reply.dateMs !== null) this.#offsetMs = offsetOf(reply.dateMs, sentMs, this.#clock.nowMs());
        return reply;
      },
    };
  }
}
