/** A message that did not come back for so long after its delay is gone: a dead-letter queue or another worker has it. */
const RETURN_MARGIN_MS = 60_000;

/** The messages that were refused and left in the queue, until they are gone from it. */
export class LeftMessages {
  readonly #returnsAtMs = new Map<string, number>();
  readonly #rememberedMax: number;

  /** @param rememberedMax how many are remembered; the oldest are forgotten first */
  constructor(rememberedMax: number) {
    this.#rememberedMax = rememberedMax;
  }

  /** @returns false when the message was left before: it came back, and is no new refusal */
  add(id: string, returnsAtMs: number): boolean {
    const isNew = !this.#returnsAtMs.delete(id);
    this.#returnsAtMs.set(id, returnsAtMs);
    if (this.#returnsAtMs.size > this.#rememberedMax) {
      for (const oldest of this.#returnsAtMs.keys()) {
        this.#returnsAtMs.delete(oldest);
        break;
      }
    }
    return isNew;
  }

  has(id: string): boolean {
    return this.#returnsAtMs.has(id);
  }

  /** How many of them the queue may still hold. */
  countAt(nowMs: number): number {
    for (const [id, returnsAtMs] of this.#returnsAtMs) {
      if (returnsAtMs + RETURN_MARGIN_MS < nowMs) this.#returnsAtMs.delete(id);
    }
    return this.#returnsAtMs.size;
  }
}
