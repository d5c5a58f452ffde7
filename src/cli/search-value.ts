import { resolve } from "node:path";
import { type Search, openSearch, searchesIn } from "../app/search/open-search.ts";
import { loadConfig } from "../config/load-config.ts";
import type { AuditEntry } from "../storage/audit.ts";
import type { DoubtfulLinks } from "../storage/search/token-filter.ts";
import { operatorName } from "./operator-name.ts";
import { reasonOf } from "./output.ts";
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

/**
 * The search for the value that the command line, or the person at it, names. Touches no database.
 * @param options `withSharedKeys`: also in other tables' columns that have the value under the same key
 * @throws {PiipeError} `usage.invalid`, `config.*`, `keys.*`
 */
export async function searchValue(
  { config: file, column, value, user }: SearchOptions,
  { withSharedKeys }: { readonly withSharedKeys: boolean },
  terminal: Terminal,
): Promise<Search> {
  const config = await loadConfig(resolve(terminal.folder, file), terminal.environment);
  const keysJson = terminal.environment["PIIPE_KEYS"];
  const searchOf = await openSearch(config, { column, withSharedKeys, user, keysJson });
  return searchOf(await readValue(value, `the value of ${column}`, terminal));
}

export const auditOf = ({ reason }: SearchOptions): Pick<AuditEntry, "operator" | "reason"> => ({
  operator: operatorName(),
  reason: reasonOf(reason),
});

const UNFOUND_SPELLINGS = {
  "same characters":
    "other spellings of the value, such as a phone number with other signs or spaces, have other tokens: search each.",
  "exactly this": "the mask takes a value exactly as it came, and other spellings have other tokens: search each.",
} as const;

/** What the search could not find, in sentences. */
export function blindSpots(
  { tables, destroyedVersions, unsearched }: Search,
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
    ...searchesIn({ tables }).flatMap(({ shown, spellings }) =>
      spellings === "all" ? [] : [`In column ${shown}, ${UNFOUND_SPELLINGS[spellings]}`],
    ),
  ];
}
