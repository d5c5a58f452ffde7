import type { Config, TableConfig } from "../../config/config.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { keyNameOf } from "../../mask/column-tokens.ts";
import { keepsSeparators, showsVersion } from "../../mask/value-tokens.ts";
import type { ColumnKeys } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { compareKeys } from "../../storage/rotation/key-checks.ts";
import { ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import type { UserColumn } from "../../storage/search/find-tokens.ts";
import { SEARCH_REPLY_TIMEOUT_MS, type StoredTable, readStoredTable } from "../../storage/search/stored-columns.ts";
import type { TokenSearch } from "../../storage/search/token-filter.ts";
import { withDatabase } from "../open-database.ts";
import { openKeyring } from "../open-keyring.ts";
import { columnKeysOf } from "../open-mask.ts";
import { placeIn } from "../placed-columns.ts";
import { type ChosenColumns, chooseColumns } from "./choose-duplicate-columns.ts";
import {
  type ColumnSearch,
  type UnsearchedColumn,
  findSearchedColumns,
  searchesOf,
  withSharedKeys,
} from "./searched-columns.ts";

export interface SearchRequest {
  /**
   * The name of a column or of what is masked inside one, the field of one or several columns, or the key that they share.
   * With a table before it: in that one.
   */
  readonly column: string;
  /** Also in the columns of all tables that share the key of one that is named. */
  readonly withSharedKeys: boolean;
  /** The column to count persons by; null: as the configuration suggests. */
  readonly user: string | null;
  /** The keyring's JSON, as `PIIPE_KEYS` holds it; undefined: only the configured file. */
  readonly keysJson: string | undefined;
}

/** What is searched in a table of the pipeline. */
export interface SearchedTable {
  readonly table: TableConfig;
  /** None where no column of it can have the value. */
  readonly searches: readonly ColumnSearch[];
  readonly user: UserColumn | null;
  readonly time: ChosenColumns["time"];
}

/** A value that is to be searched, with all that was checked before the database is asked for it. */
export interface Search {
  readonly config: Config;
  readonly columnKeys: readonly ColumnKeys[];
  /** All of the pipeline's, in the order of the configuration. */
  readonly tables: readonly SearchedTable[];
  readonly unsearched: readonly UnsearchedColumn[];
  /** Destroyed key versions whose tokens only links lead to. */
  readonly destroyedVersions: readonly number[];
}

/** In all tables. */
export const searchesIn = ({ tables }: Pick<Search, "tables">): readonly ColumnSearch[] =>
  tables.flatMap(({ searches }) => searches);

/** The column that says whose rows they are: mostly of one name in all tables. null: none has one. */
export function userColumnOf({ tables }: Pick<Search, "tables">): string | null {
  const names = new Set(tables.flatMap(({ user }) => (user === null ? [] : [user.name])));
  return names.size === 0 ? null : [...names].join(", ");
}

/**
 * Checks all that can be checked before the value is known: whoever has to type it shall not do so in vain. What it gives
 * makes the tokens of a value, and throws `usage.invalid` when no column can hold it. Touches no database.
 * @throws {PiipeError} `usage.invalid`, `config.*`, `keys.*`
 */
export async function openSearch(
  config: Config,
  { column, user: userColumn, keysJson, ...request }: SearchRequest,
): Promise<(value: string) => Search> {
  const named = findSearchedColumns(column, config);
  const columns = request.withSharedKeys && config.tables.length > 1 ? withSharedKeys(named, config) : named;
  const chosen = chooseColumns(config, { column: null, user: userColumn, time: null });
  const keyring = await openKeyring(config, keysJson);
  return (value) => {
    const { searches, unsearched } = searchesOf(value, columns, config, keyring);
    return {
      config,
      columnKeys: columnKeysOf(config, keyring),
      tables: chosen.map(({ table, user, time }) => ({
        table,
        searches: searches.filter((search) => search.table === table),
        user: user === null ? null : { name: user.name, key: user.mask === null ? null : keyNameOf(user) },
        time,
      })),
      unsearched,
      destroyedVersions: destroyedAmong(searches, keyring),
    };
  };
}

function destroyedAmong(searches: readonly ColumnSearch[], keyring: Keyring | null): readonly number[] {
  if (!searches.some(({ column }) => showsVersion(column))) return [];
  return (keyring?.versions ?? []).filter(({ state }) => state === "destroyed").map(({ version }) => version);
}

export interface OpenedTable extends SearchedTable {
  readonly stored: StoredTable;
}

/** Runs `work` with a pool that waits for slow statements, and with what is known of the tables. */
export function withTables<T>(
  { config, columnKeys }: Search,
  tables: readonly SearchedTable[],
  columnsIn: (table: SearchedTable) => readonly string[],
  work: (pool: PostgresPool, tables: readonly OpenedTable[]) => Promise<T>,
): Promise<T> {
  return withDatabase(
    config,
    async (pool) => {
      // With another keyring, no row would be found, and "nothing was there" would be untrue.
      if (columnKeys.length > 0) await requireRights(pool, [{ table: ownTable("key_checks"), right: "SELECT" }]);
      await compareKeys(pool, columnKeys);
      const opened: OpenedTable[] = [];
      for (const table of tables) {
        opened.push({ ...table, stored: await readStoredTable(pool, table.table.name, columnsIn(table)) });
      }
      return work(pool, opened);
    },
    { replyTimeoutMs: SEARCH_REPLY_TIMEOUT_MS },
  );
}

/** As the store takes them: it knows no masks. */
export const tokensOf = (searches: readonly ColumnSearch[]): readonly TokenSearch[] =>
  searches.map(({ tokens, bareDigest, links, ...placed }) => ({
    place: placeIn(placed),
    tokens,
    byDigits: keepsSeparators(placed.column),
    bareDigest,
    links,
  }));
