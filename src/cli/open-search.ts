import { resolve } from "node:path";
import { withDatabase } from "../app/open-database.ts";
import { columnKeysOf } from "../app/open-mask.ts";
import { type ChosenColumns, chooseColumns } from "../app/search/choose-duplicate-columns.ts";
import {
  type ColumnSearch,
  type UnsearchedColumn,
  findSearchedColumns,
  searchesOf,
} from "../app/search/searched-columns.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { loadKeyring } from "../keys/keyring-file.ts";
import type { Keyring } from "../keys/keyring.ts";
import { keepsSeparators, showsVersion } from "../mask/value-tokens.ts";
import type { ColumnKeys } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { compareKeys } from "../storage/rotation/key-checks.ts";
import { ownTable, requireRights } from "../storage/schema/require-rights.ts";
import type { UserColumn } from "../storage/search/find-tokens.ts";
import { SEARCH_REPLY_TIMEOUT_MS, type StoredTable, readStoredTable } from "../storage/search/stored-columns.ts";
import type { DoubtfulLinks } from "../storage/search/token-filter.ts";
import { readValue } from "./read-value.ts";
import type { Terminal } from "./terminal.ts";

/** What names a value: the same for all commands that search one. */
export interface SearchOptions {
  readonly config: string;
  /** A column's name, or the field of one or several columns. */
  readonly column: string;
  /** undefined: asked for. */
  readonly value: string | undefined;
  /** null: as the configuration suggests. */
  readonly user: string | null;
  readonly reason: string | null;
  readonly json: boolean;
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
 * Makes the tokens of the value that the command line names. Touches no database.
 * @throws {PiipeError} `usage.invalid`, `config.*`, `keys.*`
 */
export async function openSearch(options: SearchOptions, terminal: Terminal): Promise<Search> {
  const config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
  const columns = findSearchedColumns(options.column, config.columns);
  const { user, time } = chooseColumns(config.columns, { column: null, user: options.user, time: null });
  const keyring = await loadKeyring({ file: config.keys.file, environment: terminal.environment["PIIPE_KEYS"] });
  const text = await readValue(options.value, `the value of ${options.column}`, terminal);
  const found = searchesOf(text, columns, config, keyring);
  return {
    config,
    columnKeys: columnKeysOf(config, keyring),
    ...found,
    user: user === null ? null : { name: user.name, isMasked: user.mask !== null },
    time,
    destroyedVersions: destroyedAmong(found.searches, keyring),
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
      return work(pool, await readStoredTable(pool, config.sink.postgres.table, columns));
    },
    { replyTimeoutMs: SEARCH_REPLY_TIMEOUT_MS },
  );
}

/** As the store takes them: it knows no masks. */
export const tokensOf = (searches: readonly ColumnSearch[]) =>
  searches.map(({ column, tokens, bareDigest, links }) => ({
    column: column.name,
    tokens,
    byDigits: keepsSeparators(column),
    bareDigest,
    links,
  }));

const UNFOUND_SPELLINGS = {
  "same characters":
    "other spellings of the value, such as a phone number with other signs or spaces, have other tokens: search each.",
  "exactly this": "the mask takes a value exactly as it came, and other spellings have other tokens: search each.",
} as const;

/** What the search could not find, in sentences. */
export function blindSpots(
  { destroyedVersions, searches, unsearched }: Search,
  doubtfulLinks: readonly DoubtfulLinks[],
): string[] {
  const versions = destroyedVersions.join(", ");
  return [
    ...(destroyedVersions.length === 0
      ? []
      : [`Tokens of the destroyed key version ${versions} are found only where links lead to them.`]),
    ...doubtfulLinks.map(
      ({ column, version }) =>
        `Links in piipe.key_links lead from the value to more tokens of key version ${version} in ${column} than one ` +
        "value can have: some were made up, and none of them was followed.",
    ),
    ...unsearched.map(({ column, why }) => `Column ${column} was not searched: ${why}.`),
    ...searches.flatMap(({ column, spellings }) =>
      spellings === "all" ? [] : [`In column ${column.name}, ${UNFOUND_SPELLINGS[spellings]}`],
    ),
  ];
}
