import type { Config } from "../../config/config.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { keyNameOf, placeOf } from "../../mask/column-tokens.ts";
import { keepsSeparators, showsVersion } from "../../mask/value-tokens.ts";
import type { ColumnKeys } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { compareKeys } from "../../storage/rotation/key-checks.ts";
import { ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import type { UserColumn } from "../../storage/search/find-tokens.ts";
import { SEARCH_REPLY_TIMEOUT_MS, type StoredTable, readStoredTable } from "../../storage/search/stored-columns.ts";
import type { TokenSearch } from "../../storage/search/token-filter.ts";
import { soleTable } from "../configured-tables.ts";
import { withDatabase } from "../open-database.ts";
import { openKeyring } from "../open-keyring.ts";
import { columnKeysOf } from "../open-mask.ts";
import { type ChosenColumns, chooseColumns } from "./choose-duplicate-columns.ts";
import { type ColumnSearch, type UnsearchedColumn, findSearchedColumns, searchesOf } from "./searched-columns.ts";

export interface SearchRequest {
  /** The name of a column or of what is masked inside one, the field of one or several columns, or the key that they share. */
  readonly column: string;
  /** The column to count persons by; null: as the configuration suggests. */
  readonly user: string | null;
  /** The keyring's JSON, as `PIIPE_KEYS` holds it; undefined: only the configured file. */
  readonly keysJson: string | undefined;
}

/** A value that is to be searched, with all that was checked before the database is asked for it. */
export interface Search {
  readonly config: Config;
  readonly columnKeys: readonly ColumnKeys[];
  readonly searches: readonly ColumnSearch[];
  readonly unsearched: readonly UnsearchedColumn[];
  readonly user: UserColumn | null;
  readonly time: ChosenColumns["time"];
  /** Destroyed key versions whose tokens only links lead to. */
  readonly destroyedVersions: readonly number[];
}

/**
 * Checks all that can be checked before the value is known: whoever has to type it shall not do so in vain. What it gives
 * makes the tokens of a value, and throws `usage.invalid` when no column can hold it. Touches no database.
 * @throws {PiipeError} `usage.invalid`, `config.*`, `keys.*`
 */
export async function openSearch(
  config: Config,
  { column, user: userColumn, keysJson }: SearchRequest,
): Promise<(value: string) => Search> {
  const columns = findSearchedColumns(column, soleTable(config).columns);
  const { user, time } = chooseColumns(soleTable(config).columns, { column: null, user: userColumn, time: null });
  const keyring = await openKeyring(config, keysJson);
  return (value) => {
    const found = searchesOf(value, columns, config, keyring);
    return {
      config,
      columnKeys: columnKeysOf(config, keyring),
      ...found,
      user: user === null ? null : { name: user.name, key: user.mask === null ? null : keyNameOf(user) },
      time,
      destroyedVersions: destroyedAmong(found.searches, keyring),
    };
  };
}

function destroyedAmong(searches: readonly ColumnSearch[], keyring: Keyring | null): readonly number[] {
  if (!searches.some(({ column }) => showsVersion(column))) return [];
  return (keyring?.versions ?? []).filter(({ state }) => state === "destroyed").map(({ version }) => version);
}

/** Runs `work` with a pool that waits for slow statements, and with what is known of the table. */
export function withTable<T>(
  { config, columnKeys }: Search,
  columns: readonly string[],
  work: (pool: PostgresPool, table: StoredTable) => Promise<T>,
): Promise<T> {
  return withDatabase(
    config,
    async (pool) => {
      // With another keyring, no row would be found, and "nothing was there" would be untrue.
      if (columnKeys.length > 0) await requireRights(pool, [{ table: ownTable("key_checks"), right: "SELECT" }]);
      await compareKeys(pool, columnKeys);
      return work(pool, await readStoredTable(pool, soleTable(config).name, columns));
    },
    { replyTimeoutMs: SEARCH_REPLY_TIMEOUT_MS },
  );
}

/** As the store takes them: it knows no masks. */
export const tokensOf = (searches: readonly ColumnSearch[]): readonly TokenSearch[] =>
  searches.map(({ column, tokens, bareDigest, links }) => ({
    place: placeOf(column),
    tokens,
    byDigits: keepsSeparators(column),
    bareDigest,
    links,
  }));
