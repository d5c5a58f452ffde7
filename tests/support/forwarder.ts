/** Forwards requests to a server behind, and can cut all of them off at the end of a test. */
export class Forwarder {
  readonly #backend: string;
  /** One controller a request: `fetch` leaves its listener on a signal, and thousands would pile up on a shared one. */
  readonly #underWay = new Set<AbortController>();

  constructor(backend: string) {
    this.#backend = backend;
  }

  /** The reply with its whole body read. */
  async post(headers: Readonly<Record<string, string>>, body: string): Promise<{ response: Response; text: string }> {
    const controller = new AbortController();
    this.#underWay.add(controller);
    try {
      const response = await fetch(this.#backend, { method: "POST", headers, body, signal: controller.signal });
      return { response, text: await response.text() };
    } finally {
      this.#underWay.delete(controller);
    }
  }

  abort(): void {
    for (const controller of this.#underWay) controller.abort();
  }
}
