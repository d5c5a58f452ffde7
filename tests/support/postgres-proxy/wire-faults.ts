/**
 * Where the writing of a batch can be hit; a BEGIN counts in any transaction, a COMMIT only in one that has claimed.
 * - `before BEGIN`, `before the claim`, `before COMMIT arrives`: the server never gets it, or late
 * - `before the reply to COMMIT`: the server has committed, and the client never hears of it, or late
 * - `after the claim`, `after the reply to COMMIT`: the client has the whole reply; then it happens, and a delay holds back
 *   what the client says next
 */
export const WIRE_POINTS = [
  "before BEGIN",
  "before the claim",
  "after the claim",
  "before COMMIT arrives",
  "before the reply to COMMIT",
  "after the reply to COMMIT",
] as const;
export type WirePoint = (typeof WIRE_POINTS)[number];

/**
 * - `cut`: both sides lose the connection
 * - `half-open`: nothing passes any more, and the client is never told, even when it closes: a dead network. The server
 *   loses the connection once the client has given it up
 * - `delayMs`, `until`: late
 */
export type WireEffect = "cut" | "half-open" | { readonly delayMs: number } | { readonly until: Promise<unknown> };

export interface WireFault {
  readonly point: WirePoint;
  readonly effect: WireEffect;
}

/** The faults that wait for their message, and those that have happened. */
export class WireFaults {
  readonly fired = new Map<string, number>();
  #armed: readonly WireFault[] = [];

  arm(fault: WireFault): void {
    this.#armed = [...this.#armed, fault];
  }

  take(points: readonly WirePoint[]): WireFault | null {
    const taken = this.#armed.find(({ point }) => points.includes(point)) ?? null;
    if (taken !== null) this.#armed = this.#armed.filter((fault) => fault !== taken);
    return taken;
  }

  note({ point, effect }: WireFault): void {
    const key = `${typeof effect === "string" ? effect : "delay"} ${point}`;
    this.fired.set(key, (this.fired.get(key) ?? 0) + 1);
  }
}
