import type { LinkRule, TokenPlace } from "../../pipeline/contracts.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { type StoredTable, columnOfRow } from "./stored-columns.ts";
import { holdsInside, tokensIn } from "./tokens-in.ts";

/** Joins the tokens `known` with those that one link leads to, either way, where it can be a link. */
export const joinLinked = (columnParameter: string): string => `
  CROSS JOIN LATERAL (
    SELECT old_token FROM piipe.key_links WHERE column_name = ${columnParameter}::text AND new_token = known.token
      AND piipe.joins_versions(old_token, new_token)
    UNION ALL
    SELECT new_token FROM piipe.key_links WHERE column_name = ${columnParameter}::text AND old_token = known.token
      AND piipe.joins_versions(old_token, new_token)
  ) AS linked (token)`;

/**
 * The tokens that links lead to from those in a table `known (token)`, as a term of a recursive query. Both ways: all of them
 * are of one value, and UNION ends the walk where it meets itself.
 */
export const linkedWith = (columnParameter: string, known: string): string =>
  `SELECT linked.token FROM ${known} AS known ${joinLinked(columnParameter)}`;

/** One value has a few tokens of a version, a made-up crowd of them must not fill the memory. */
const TOKENS_PER_VERSION_MAX = 1_000;

const FIND_LINKED = `
SELECT origin, token FROM (
  SELECT known.token AS origin, linked.token,
    row_number() OVER (PARTITION BY split_part(linked.token, '_', 1)) AS nth
  FROM jsonb_array_elements_text($2::jsonb) AS known (token) ${joinLinked("$1")}
  WHERE NOT EXISTS (
    SELECT FROM jsonb_array_elements_text($3::jsonb) AS made (prefix)
    WHERE left(linked.token, length(made.prefix)) = made.prefix)
) AS found
WHERE nth <= ${TOKENS_PER_VERSION_MAX}`;

export interface LinkedTokens {
  /** Those of the search first. */
  readonly tokens: readonly string[];
  readonly doubtful: readonly DoubtfulLinks[];
}

/**
 * Adds what `piipe.key_links` leads to: so tokens of destroyed key versions are found, which nobody can make any more. A
 * token that could have been made of the value, and was not, is of another one, whatever links say; a link joins tokens of
 * different versions, unless a rewrap made them show the same; and one value has only so many tokens of a version.
 */
export async function withLinkedTokens(
  run: RunStatement,
  { place, tokens, links }: Pick<TokenSearch, "place" | "tokens" | "links">,
): Promise<LinkedTokens> {
  if (links === null) return { tokens, doubtful: [] };
  const doubtful = new Set<number>();
  for (;;) {
    const linked = await walk(run, place.key, tokens, links, doubtful);
    const before = doubtful.size;
    for (const [version, ofVersion] of linked) if (ofVersion.size > links.tokensMax(version)) doubtful.add(version);
    // What doubtful tokens led to is found anew, or not at all.
    if (doubtful.size > before) continue;
    return {
      tokens: [...tokens, ...[...linked.values()].flatMap((ofVersion) => [...ofVersion]).toSorted()],
      doubtful: [...doubtful].map((version) => ({ column: place.name, version })),
    };
  }
}

/** The tokens beyond the given ones, by the version that they show. */
async function walk(
  run: RunStatement,
  key: string,
  tokens: readonly string[],
  { versionOf, madePrefixes, tokensMax }: LinkRule,
  doubtful: ReadonlySet<number>,
): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
  const known = new Set(tokens);
  const linked = new Map<number, Set<string>>();
  for (let origins = tokens; origins.length > 0;) {
    const values = [key, JSON.stringify(origins), JSON.stringify(madePrefixes)];
    const { rows } = await run(FIND_LINKED, values);
    const next = new Set<string>();
    for (const { origin, token } of rows) {
      if (typeof origin !== "string" || typeof token !== "string" || known.has(token)) continue;
      const version = versionOf(token);
      if (version === null || doubtful.has(version)) continue;
      if (version === versionOf(origin) && tokensMax(version) === 1) continue;
      const ofVersion = linked.get(version) ?? new Set();
      linked.set(version, ofVersion.add(token));
      known.add(token);
      next.add(token);
    }
    // That many are too many for a version, which then is doubtful.
    if ([...linked].some(([version, ofVersion]) => ofVersion.size > tokensMax(version))) break;
    origins = [...next];
  }
  return linked;
}

/** The tokens of one value in one place. */
export interface ColumnTokens {
  readonly place: TokenPlace;
  readonly tokens: readonly string[];
  /** Whether the digits alone tell values apart: a token stands for all spellings with other separators. Default: no. */
  readonly byDigits?: boolean;
}

/** What is searched for a value in one place. */
export interface TokenSearch extends ColumnTokens {
  /** Searched only while the column holds bare digests: nothing else may get to know it. */
  readonly bareDigest: string | null;
  /** null: no link leads to another token. */
  readonly links: LinkRule | null;
}

/** More tokens than one value can have: some links were made up, and nobody can tell which. None of them is followed. */
export interface DoubtfulLinks {
  /** As the place is shown. */
  readonly column: string;
  /** The key version that the tokens show. */
  readonly version: number;
}

/** A part of a statement about rows `t`, and the values of its parameters. */
export interface SqlPart {
  readonly sql: string;
  readonly values: readonly string[];
}

/**
 * The condition for rows with one of the tokens: one parameter for each place, behind those that stand `before`. They are compared as values
 * of the column's own type: as text, an index on an inet or citext column would be of no use. By digits, the whole table is
 * read: only an index on that very expression would serve.
 */
export function tokenFilter(table: StoredTable, searches: readonly ColumnTokens[], before = 0): SqlPart {
  const parts = searches.map(({ place, tokens, byDigits = false }, index) => {
    const parameter = `$${before + index + 1}`;
    const { column, path } = place;
    if (byDigits) {
      return `EXISTS (SELECT FROM (${tokensIn("t", place)}) AS held (token) WHERE ${hasDigitsOf("held.token", parameter)})`;
    }
    if (path === null)
      return `${columnOfRow(column)} = ANY (ARRAY(${tokenList(parameter)})::${table.typeOf(column)}[])`;
    const holds = tokens.map((_, at) => holdsInside(place, table.typeOf(column), `(${parameter}::jsonb ->> ${at})`));
    // Without tokens the parameter must have a type all the same.
    return `(${[`${parameter}::jsonb IS NULL`, ...holds].join(" OR ")})`;
  });
  return { sql: `(${parts.join(" OR ")})`, values: searches.map(({ tokens }) => JSON.stringify(tokens)) };
}

const digitsOf = (text: string): string => `regexp_replace(${text}, '[^0-9]', '', 'g')`;

/** Whether a text has the digits of one of the texts of a JSON array that is a parameter. */
export const hasDigitsOf = (text: string, parameter: string): string =>
  `${digitsOf(text)} = ANY (ARRAY(SELECT ${digitsOf("token")} FROM (${tokenList(parameter)}) AS given (token)))`;

/** The texts of a JSON array that is a parameter. */
export const tokenList = (parameter: string): string => `SELECT jsonb_array_elements_text(${parameter}::jsonb)`;
