import type { TokenForm } from "../../pipeline/contracts.ts";
import { quoteLiteral } from "../../postgres/identifiers.ts";

/**
 * A condition that is true for what has the form. LIKE and a length: a regular expression costs ten times as much.
 * @param expression read as text: a char(n) then has no padding, and a citext is compared exactly
 */
export function formCondition(expression: string, { prefix, charsMin, charsMax }: TokenForm): string {
  const text = `${expression}::text`;
  const length = charsMax === charsMin ? `= ${charsMin}` : `>= ${charsMin}`;
  const conditions = [`char_length(${text}) ${length}`];
  if (charsMax !== null && charsMax !== charsMin) conditions.push(`char_length(${text}) <= ${charsMax}`);
  if (prefix !== "") conditions.unshift(`${text} LIKE ${quoteLiteral(likePattern(prefix))}`);
  return `(${conditions.join(" AND ")})`;
}

const likePattern = (prefix: string): string => `${prefix.replace(/[\\%_]/g, "\\$&")}%`;
