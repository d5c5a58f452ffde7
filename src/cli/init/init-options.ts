export interface InitOptions {
  /** null: asked for at a terminal, like the table. */
  readonly queue: string | null;
  readonly table: string | null;
  /** Events to look at instead of the queue's; `-`: stdin. */
  readonly sample: string | null;
  readonly messagesMax: number;
  readonly region: string | null;
  readonly endpoint: string | null;
  readonly keys: string;
  readonly config: string;
  /** Replace an existing configuration; never a keyring. */
  readonly force: boolean;
  readonly yes: boolean;
  /** Add columns to the existing configuration instead of writing one. */
  readonly update: boolean;
  readonly json: boolean;
}

/** What is known once the questions are answered. */
export interface InitSettings {
  readonly queue: string;
  readonly table: string;
  readonly region: string | null;
  readonly endpoint: string | null;
}
