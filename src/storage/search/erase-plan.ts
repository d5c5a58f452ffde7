import type { TokenPlace } from "../../pipeline/contracts.ts";
import { type ForeignKey, parentsFirst } from "../../postgres/foreign-keys.ts";
import { quoteTable } from "../../postgres/identifiers.ts";
import type { UserColumn } from "./find-tokens.ts";
import type { TableTokens } from "./look-up.ts";
import { holdsAnything } from "./nulled-places.ts";
import { columnOfRow } from "./stored-columns.ts";
import { type ColumnTokens, type SqlPart, tokenFilter } from "./token-filter.ts";

/** A table of which rows are erased. */
export interface ErasedTable extends TableTokens {
  /** All of the table's whose tokens may have links and originals. */
  readonly places: readonly TokenPlace[];
  readonly user: UserColumn | null;
  /** What becomes NULL in the rows, which stay. null: the rows are deleted. */
  readonly nulled: readonly TokenPlace[] | null;
}

/** Which rows of which tables are erased. */
export interface ErasePlan {
  readonly tables: readonly ErasedTable[];
  readonly foreignKeys: readonly ForeignKey[];
}

export const tableAt = ({ tables }: Pick<ErasePlan, "tables">, at: number): ErasedTable => {
  const table = tables[at];
  if (table === undefined) throw new TypeError(`there is no table ${at}`);
  return table;
};

/** All tables: what refers to rows of another goes before these. */
export const childrenFirst = ({ tables, foreignKeys }: ErasePlan): readonly number[] =>
  parentsFirst(
    tables.length,
    foreignKeys.filter(({ ofRow }) => ofRow),
  ).toReversed();

/**
 * The condition for the rows `t` of a table that go, with parameters behind those that stand `before`: those with a searched
 * token, and those that a foreign key ties to such rows of another table. null: none can go.
 */
export function rowsThatGo(plan: ErasePlan, at: number, before = 0): SqlPart | null {
  const { nulled } = tableAt(plan, at);
  const tied = rowsTied(plan, at, before, []);
  if (tied === null || nulled === null) return tied;
  // What is NULL already stays as it is, so that nothing is erased twice.
  const held = nulled.map((place) => holdsAnything(place));
  return held.length === 0 ? null : { ...tied, sql: `(${tied.sql} AND (${held.join(" OR ")}))` };
}

/** @param way the tables that foreign keys led from: none is entered twice */
function rowsTied(plan: ErasePlan, at: number, before: number, way: readonly number[]): SqlPart | null {
  const { table, searches } = tableAt(plan, at);
  const values: string[] = [];
  const conditions: string[] = [];
  if (searches.length > 0) {
    const own = tokenFilter(table, searches, before);
    conditions.push(own.sql);
    values.push(...own.values);
  }
  const seen = [...way, at];
  for (const { parent, columns } of keysOf(plan, at)) {
    const parents = seen.includes(parent) ? null : rowsTied(plan, parent, before + values.length, seen);
    if (parents === null) continue;
    values.push(...parents.values);
    const children = columns.map(([child]) => columnOfRow(child)).join(", ");
    const referred = columns.map(([, of]) => columnOfRow(of)).join(", ");
    const name = quoteTable(tableAt(plan, parent).table.name);
    conditions.push(`(${children}) IN (SELECT ${referred} FROM ${name} AS t WHERE ${parents.sql})`);
  }
  const [first, ...others] = conditions;
  if (first === undefined) return null;
  return { sql: others.length === 0 ? first : `(${conditions.join(" OR ")})`, values };
}

/** What can be said of a plan before its tokens are complete. */
interface Outline extends Pick<ErasePlan, "foreignKeys"> {
  readonly tables: readonly { readonly searches: readonly unknown[] }[];
}

/** Whether rows of a table can go at all, whatever tokens there are. */
export function canGo(plan: Outline, at: number, way: readonly number[] = []): boolean {
  if ((plan.tables[at]?.searches.length ?? 0) > 0) return true;
  const seen = [...way, at];
  return keysOf(plan, at).some(({ parent }) => !seen.includes(parent) && canGo(plan, parent, seen));
}

const keysOf = ({ foreignKeys }: Pick<ErasePlan, "foreignKeys">, at: number): readonly ForeignKey[] =>
  foreignKeys.filter(({ child, ofRow }) => child === at && ofRow);

/** The places whose tokens are known by one key, with the tables that have them. */
export interface KeyPlaces {
  readonly key: string;
  /** All of them. */
  readonly places: readonly PlaceInTable[];
  /** Those where a row that goes may have other tokens than the searched ones. */
  readonly others: readonly PlaceInTable[];
  /** The searched tokens of the key. */
  readonly tokens: readonly string[];
}

export interface PlaceInTable {
  readonly at: number;
  readonly place: TokenPlace;
}

/**
 * The keys whose tokens a row may have beside the searched ones: they may have links and originals. Where a path leads to
 * the elements of an array, or a foreign key to the row, there may be others in the very place.
 */
export function otherKeys(plan: ErasePlan): readonly KeyPlaces[] {
  const all = plan.tables.flatMap(({ places }, at) => places.map((place) => ({ at, place })));
  const others = all.filter(({ at, place: { name, path } }) => {
    const isSearched = tableAt(plan, at).searches.some(({ place }) => place.name === name);
    return !isSearched || path?.includes(null) === true || keysOf(plan, at).length > 0;
  });
  return [...new Set(others.map(({ place }) => place.key))].map((key) => ({
    key,
    places: all.filter(({ place }) => place.key === key),
    others: others.filter(({ place }) => place.key === key),
    tokens: [...new Set(searchesOf(plan).flatMap(({ place, tokens }) => (place.key === key ? tokens : [])))],
  }));
}

/** Of all tables. */
export const searchesOf = ({ tables }: Pick<ErasePlan, "tables">): readonly ColumnTokens[] =>
  tables.flatMap(({ searches }) => searches);
