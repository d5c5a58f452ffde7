import { columnsOf, type Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { createSeal } from "../keys/seal.ts";
import { compileMask } from "../mask/compile-mask.ts";
import { businessKeyCheckOf, keyChecksOf } from "../mask/key-checks.ts";
import type { ColumnKeys, Mask, Seal } from "../pipeline/contracts.ts";
import { openKeyring } from "./open-keyring.ts";

/** What one keyring makes of values and events. */
export interface Keys {
  /** null: no mask needs one, and nothing is sealed. */
  readonly keyring: Keyring | null;
  readonly seal: Seal | null;
  readonly mask: Mask;
}

/** @throws {PiipeError} `keys.*` when a mask needs a key that is not there: never an unkeyed fallback */
export const openMask = async (config: Config, keysJson: string | undefined): Promise<Keys> =>
  compileKeys(config, await openKeyring(config, keysJson));

/** @throws {PiipeError} as `openMask` */
export function compileKeys({ tables, dedupeBy, keys }: Config, keyring: Keyring | null): Keys {
  const publicKey = keyring?.sealingPublicKey ?? null;
  const seal = publicKey === null ? null : createSeal(publicKey);
  const columns = tables.map((table) => table.columns);
  return { keyring, seal, mask: compileMask(columns, { keyring, domain: keys.domain, seal, dedupeBy }) };
}

export const sealKeyMissing = (): PiipeError =>
  new PiipeError("keys.missing", "a FIFO queue needs a keyring with a key for sealing", {
    hint:
      "Without one, a refused message would stay in the queue while later ones of its group are stored. " +
      "`piipe keys new` makes a keyring with such a key.",
  });

/** What the database is asked, to find whether the keyring is the one that made its tokens and claimed its business ids. */
export function columnKeysOf(config: Config, keyring: Keyring | null): readonly ColumnKeys[] {
  if (keyring === null) return [];
  const { dedupeBy, keys } = config;
  const ofColumns = keyChecksOf(columnsOf(config), keyring, keys.domain);
  return dedupeBy === null ? ofColumns : [...ofColumns, businessKeyCheckOf(dedupeBy, keyring, keys.domain)];
}
