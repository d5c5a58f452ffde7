import { columnsOf, type Config } from "../config/config.ts";
import type { Keyring } from "../keys/keyring.ts";
import { createSeal } from "../keys/seal.ts";
import { compileMask } from "../mask/compile-mask.ts";
import { businessKeyCheckOf, keyChecksOf } from "../mask/key-checks.ts";
import type { ColumnKeys, Mask, Seal } from "../pipeline/contracts.ts";
import { openKeyring } from "./open-keyring.ts";

/** @throws {PiipeError} `keys.*` when a mask needs a key that is not there: never an unkeyed fallback */
export async function openMask(
  config: Config,
  keysJson: string | undefined,
): Promise<{ readonly keyring: Keyring | null; readonly seal: Seal | null; readonly mask: Mask }> {
  const keyring = await openKeyring(config, keysJson);
  const publicKey = keyring?.sealingPublicKey ?? null;
  const seal = publicKey === null ? null : createSeal(publicKey);
  const { tables, dedupeBy, keys } = config;
  const columns = tables.map((table) => table.columns);
  return { keyring, seal, mask: compileMask(columns, { keyring, domain: keys.domain, seal, dedupeBy }) };
}

/** What the database is asked, to find whether the keyring is the one that made its tokens and claimed its business ids. */
export function columnKeysOf(config: Config, keyring: Keyring | null): readonly ColumnKeys[] {
  if (keyring === null) return [];
  const { dedupeBy, keys } = config;
  const ofColumns = keyChecksOf(columnsOf(config), keyring, keys.domain);
  return dedupeBy === null ? ofColumns : [...ofColumns, businessKeyCheckOf(dedupeBy, keyring, keys.domain)];
}
