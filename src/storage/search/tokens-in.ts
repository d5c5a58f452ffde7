import type { TokenPlace } from "../../pipeline/contracts.ts";
import { quoteIdentifier, quoteLiteral } from "../../postgres/identifiers.ts";

/**
 * A query for the tokens that a row has in a place, each once: NULL among them where there is nothing. Inside JSON with what
 * PostgreSQL 10 has, which knows no JSON paths; what stands there and is no text is given as text.
 * @param row the row's alias
 */
export function tokensIn(row: string, { column, path }: TokenPlace): string {
  const stored = `${row}.${quoteIdentifier(column)}`;
  if (path === null) return `SELECT ${stored}::text`;
  const elements: string[] = [];
  let value = `${stored}::jsonb`;
  for (const step of path) {
    if (step === null) {
      const name = `element_${elements.length + 1}`;
      const array = `CASE WHEN jsonb_typeof(${value}) = 'array' THEN ${value} END`;
      elements.push(`LATERAL jsonb_array_elements(${array}) AS ${name} (value)`);
      value = `${name}.value`;
    } else value = `(${value} -> ${quoteLiteral(step)})`;
  }
  if (elements.length === 0) return `SELECT ${value} #>> '{}'`;
  return `SELECT DISTINCT ${value} #>> '{}' FROM ${elements.join(" CROSS JOIN ")}`;
}

/** The rows `t` of a table with the tokens that they have in a place, as `held.token`. */
export const withTokens = (table: string, place: TokenPlace): string =>
  `${table} AS t CROSS JOIN LATERAL (${tokensIn("t", place)}) AS held (token)`;

/**
 * Whether a row `t` has a token, which is an expression, inside its JSON. An index on a jsonb column serves (`jsonb_ops`,
 * `jsonb_path_ops`). Of texts only those that hold the token are read as JSON.
 */
export function holdsInside({ column, path }: TokenPlace, type: string, token: string): string {
  const stored = `t.${quoteIdentifier(column)}`;
  let wanted = `to_jsonb(${token})`;
  for (const step of (path ?? []).toReversed()) {
    wanted =
      step === null ? `jsonb_build_array(${wanted})` : `jsonb_build_object(${quoteLiteral(step)}::text, ${wanted})`;
  }
  if (type === "jsonb") return `${stored} @> ${wanted}`;
  return `CASE WHEN strpos(${stored}::text, ${token}) > 0 THEN ${stored}::jsonb @> ${wanted} ELSE false END`;
}
