import { deriveKey, type KeyPurpose } from "./derive-key.ts";
import { Unprintable } from "../unprintable.ts";

/**
 * The life of a key version: `pending` until it is everywhere, `primary` while it makes the tokens, `linking` while
 * values seen again are linked to their new tokens, `lookup` while it only finds old rows, `destroyed` when its root is gone.
 */
export const KEY_STATES = ["pending", "primary", "linking", "lookup", "destroyed"] as const;
export type KeyState = (typeof KEY_STATES)[number];

export interface KeyVersionFields {
  readonly version: number;
  readonly state: KeyState;
  /** UTC, RFC 3339. */
  readonly created: string;
  /** 32 bytes, or null when destroyed. */
  readonly root: Uint8Array | null;
}

/** One version of the secret keys. Prints as `[secret]`. */
export class KeyVersion extends Unprintable {
  readonly version: number;
  readonly state: KeyState;
  readonly created: string;
  readonly #root: Uint8Array | null;

  constructor({ version, state, created, root }: KeyVersionFields) {
    super();
    this.version = version;
    this.state = state;
    this.created = created;
    this.#root = root;
  }

  /** The key of one column under this version: 32 bytes. A destroyed version has none, and asking is a bug. */
  deriveKey(purpose: KeyPurpose): Buffer {
    if (this.#root === null) throw new TypeError(`key version ${this.version} is destroyed`);
    return deriveKey(this.#root, purpose);
  }

  hasSameRoot(other: KeyVersion): boolean {
    return this.#root !== null && other.#root !== null && Buffer.compare(this.#root, other.#root) === 0;
  }
}
