import type { Config } from "../config/config.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { ColumnKeys } from "../pipeline/contracts.ts";
import { keyChecksOf } from "../pipeline/mask/key-checks.ts";

/** What the database is asked, to find whether the keyring is the one that made its tokens. */
export const columnKeysOf = (config: Config, keyring: Keyring | null): readonly ColumnKeys[] =>
  keyring === null ? [] : keyChecksOf(config.columns, keyring, config.keys.domain);
