import type { InnerStep, TokenPlace } from "../../pipeline/contracts.ts";
import { quoteIdentifier, quoteLiteral } from "../../postgres/identifiers.ts";
import { columnOfRow, type StoredTable } from "./stored-columns.ts";
import { tokensIn } from "./tokens-in.ts";

/** Whether a row `t` has anything but NULL in a place. */
export const holdsAnything = (place: TokenPlace): string =>
  place.path === null
    ? `${columnOfRow(place.column)} IS NOT NULL`
    : `EXISTS (SELECT FROM (${tokensIn("t", place)}) AS held (token) WHERE held.token IS NOT NULL)`;

/** What sets places of the row `t` to NULL, as it stands behind SET: inside JSON what is there, and all else stays. */
export function nullingOf(table: StoredTable, places: readonly TokenPlace[]): string {
  const columns = [...new Set(places.map(({ column }) => column))];
  return columns
    .map((column) => {
      const paths = places.flatMap((place) => (place.column === column && place.path !== null ? [place.path] : []));
      const made = paths.length === 0 ? "NULL" : `(${withNulls(column, paths)})::${table.typeOf(column)}`;
      return `${quoteIdentifier(column)} = ${made}`;
    })
    .join(", ");
}

/** One path after the other, each over what the one before made: OFFSET keeps PostgreSQL from writing it out for each use. */
function withNulls(column: string, paths: readonly (readonly InnerStep[])[]): string {
  let query = `SELECT ${columnOfRow(column)}::jsonb AS json`;
  for (const path of paths) query = `SELECT ${nullAt("made.json", path, 1)} AS json FROM (${query} OFFSET 0) AS made`;
  return query;
}

/** With what PostgreSQL 10 has, which knows no JSON paths. What is no object, or no array, where the path wants one stays. */
function nullAt(value: string, [step, ...rest]: readonly InnerStep[], depth: number): string {
  if (step === undefined) return "'null'::jsonb";
  if (step === null) {
    const element = `element_${depth}`;
    const elements = `jsonb_array_elements(${value}) WITH ORDINALITY AS ${element} (value, position)`;
    const made = nullAt(`${element}.value`, rest, depth + 1);
    return (
      `CASE WHEN jsonb_typeof(${value}) = 'array' THEN coalesce(` +
      `(SELECT jsonb_agg(${made} ORDER BY ${element}.position) FROM ${elements}), ${value}) ELSE ${value} END`
    );
  }
  const key = quoteLiteral(step);
  const made = nullAt(`(${value} -> ${key}::text)`, rest, depth + 1);
  return (
    `CASE WHEN jsonb_typeof(${value}) = 'object' AND ${value} ? ${key}::text ` +
    `THEN ${value} || jsonb_build_object(${key}::text, ${made}) ELSE ${value} END`
  );
}
