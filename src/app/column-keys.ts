import type { Config } from "../config/config.ts";
import type { Keyring } from "../keys/keyring.ts";
import { businessKeyCheckOf, keyChecksOf } from "../mask/key-checks.ts";
import type { ColumnKeys } from "../pipeline/contracts.ts";

/** What the database is asked, to find whether the keyring is the one that made its tokens and claimed its business ids. */
export function columnKeysOf({ columns, dedupeBy, keys }: Config, keyring: Keyring | null): readonly ColumnKeys[] {
  if (keyring === null) return [];
  const ofColumns = keyChecksOf(columns, keyring, keys.domain);
  return dedupeBy === null ? ofColumns : [...ofColumns, businessKeyCheckOf(dedupeBy, keyring, keys.domain)];
}
