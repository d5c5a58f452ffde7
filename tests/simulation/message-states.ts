import type { MessageKind } from "./scenario.ts";

/** Where a message is, as far as the engine has been told. */
export type MessageState = "queued" | "held" | "writing" | "written" | "deleting" | "releasing" | "gone";

export type MessageEvent =
  | "receive"
  | "write"
  /** The write threw: nothing of it is known. */
  | "fail"
  | "reject"
  | "confirm"
  | "delete"
  | "release"
  | "settle"
  | "fail to settle"
  | "redeliver";

/** The life of a message in docs/message-life.md; an event that a state does not name must not happen in it. */
const TRANSITIONS: Readonly<Record<MessageState, Partial<Record<MessageEvent, MessageState>>>> = {
  queued: { receive: "held" },
  held: { write: "writing", release: "releasing" },
  writing: { fail: "held", reject: "held", confirm: "written" },
  written: { delete: "deleting" },
  deleting: { settle: "gone", "fail to settle": "queued" },
  releasing: { settle: "queued", "fail to settle": "queued" },
  gone: { redeliver: "queued" },
};

/** What the engine may do with each message, and what it has done with it. */
export class MessageStates {
  /** By id, in the order of sending. */
  readonly kinds = new Map<string, MessageKind>();
  readonly #states = new Map<string, MessageState>();
  readonly #violations: string[] = [];
  /** Stopped or failed: only then may it give back what it could still write. */
  mayRelease = false;

  send(id: string, kind: MessageKind): void {
    this.kinds.set(id, kind);
    this.#states.set(id, "queued");
  }

  apply(event: MessageEvent, id: string): void {
    const state = this.#states.get(id);
    const next = state && TRANSITIONS[state][event];
    if (next === undefined) this.#violations.push(`${event} of ${id}, which is ${state ?? "unknown"}`);
    else this.#states.set(id, next);
    if (event === "release" && !this.mayRelease) this.#violations.push(`release of ${id} without need`);
  }

  idsIn(...states: readonly MessageState[]): string[] {
    return [...this.#states].flatMap(([id, state]) => (states.includes(state) ? [id] : []));
  }

  /** Received and not settled. */
  get inFlight(): number {
    return this.idsIn("held", "writing", "written", "deleting", "releasing").length;
  }

  check(): void {
    if (this.#violations.length > 0) throw new Error(this.#violations.join("; "));
  }
}
