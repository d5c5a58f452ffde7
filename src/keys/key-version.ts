import { Unprintable } from "../unprintable.ts";
import { deriveKey, type KeyPurpose } from "./derive-key.ts";

/**
 * The life of a key version: `pending` until it is everywhere, `primary` while it makes the tokens, `linking` while
 * values seen again are linked to their new tokens, `lookup` while it only finds old rows, `destroyed` when its root is gone.
 */
export const KEY_STATES = ["pending", "primary", "linking", "lookup", "destroyed"] as const;
export type KeyState = (typeof KEY_STATES)[number];

/** The number is part of every token, whose length is checked against the table. */
export const KEY_VERSION_MAX = 9_999;

export interface KeyVersionFields {
  readonly version: number;
  readonly state: KeyState;
  /** UTC, RFC 3339. */
  readonly created: string;
  /** The older version over whose tokens its own are made, after a leak of that version's root. null: over the values. */
  readonly over: number | null;
  /** 32 bytes, or null when destroyed. */
  readonly root: Uint8Array | null;
}

/** One version of the secret keys. Prints as `[secret]`. */
export class KeyVersion extends Unprintable {
  readonly version: number;
  readonly state: KeyState;
  readonly created: string;
  readonly over: number | null;
  readonly #root: Uint8Array | null;

  constructor({ version, state, created, over, root }: KeyVersionFields) {
    super();
    this.version = version;
    this.state = state;
    this.created = created;
    this.over = over;
    this.#root = root;
  }

  /** True when its tokens may be in the table, and can still be made. */
  get isLive(): boolean {
    return this.state === "primary" || this.state === "linking" || this.state === "lookup";
  }

  /** The key of one column under this version. A destroyed version has none, and asking is a bug. */
  deriveKey(purpose: KeyPurpose, bytes: number): Buffer {
    if (this.#root === null) throw new TypeError(`key version ${this.version} is destroyed`);
    return deriveKey(this.#root, purpose, bytes);
  }

  withState(state: KeyState): KeyVersion {
    const root = state === "destroyed" ? null : this.#root;
    return new KeyVersion({ version: this.version, state, created: this.created, over: this.over, root });
  }

  /** As a keyring file has it, with the key: it must go nowhere else. */
  toFields(): Readonly<Record<string, string | number>> {
    return {
      version: this.version,
      state: this.state,
      created: this.created,
      ...(this.over === null ? {} : { over: this.over }),
      ...(this.#root === null ? {} : { root: Buffer.from(this.#root).toString("base64url") }),
    };
  }

  hasSameRoot(other: KeyVersion): boolean {
    return this.#root !== null && other.#root !== null && Buffer.compare(this.#root, other.#root) === 0;
  }
}
