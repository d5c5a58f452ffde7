/** One message as far as clients hold handles of it. */
interface Held {
  readonly id: string;
  /** What the server behind knows it by. */
  backendHandle: string;
  /** The only one that deletes and extends. */
  newestHandle: string;
  readonly handles: string[];
}

const OWN_PREFIX = "renewed-";

/** Whose receipt handle is whose, and which is the newest: as on AWS, an older one "succeeds" and does nothing. */
export class Receipts {
  readonly #byId = new Map<string, Held>();
  readonly #byHandle = new Map<string, Held>();
  #issued = 0;

  /** The server behind has delivered the message. */
  note(id: string, backendHandle: string): void {
    const held = this.#byId.get(id);
    if (held === undefined) {
      const first: Held = { id, backendHandle, newestHandle: backendHandle, handles: [backendHandle] };
      this.#byId.set(id, first);
      this.#byHandle.set(backendHandle, first);
    } else {
      held.backendHandle = backendHandle;
      this.#add(held, backendHandle);
    }
  }

  /** Delivered once more under a handle it had: nothing changes, unless it was deleted since. */
  repeat(id: string, backendHandle: string): void {
    if (!this.#byId.has(id)) this.note(id, backendHandle);
  }

  /** A newer handle for the message, which the server behind does not know. */
  renew(id: string, backendHandle: string): string {
    this.repeat(id, backendHandle);
    const handle = `${OWN_PREFIX}${(this.#issued += 1)}`;
    const held = this.#byId.get(id);
    if (held !== undefined) this.#add(held, handle);
    return handle;
  }

  idOf(handle: string): string | undefined {
    return this.#byHandle.get(handle)?.id;
  }

  /** The handle to send to the server behind; null: this one has no effect any more. */
  resolve(handle: string): string | null {
    const held = this.#byHandle.get(handle);
    if (held === undefined) return handle.startsWith(OWN_PREFIX) ? null : handle;
    return handle === held.newestHandle ? held.backendHandle : null;
  }

  /** The message was deleted by this handle. */
  forget(handle: string): void {
    const held = this.#byHandle.get(handle);
    if (held === undefined) return;
    for (const known of held.handles) this.#byHandle.delete(known);
    this.#byId.delete(held.id);
  }

  #add(held: Held, handle: string): void {
    held.newestHandle = handle;
    held.handles.push(handle);
    this.#byHandle.set(handle, held);
  }
}
