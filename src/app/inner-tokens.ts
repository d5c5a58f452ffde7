import { compilePaths } from "../decode/inner-places.ts";
import type { MaskedColumn } from "../mask/column-tokens.ts";
import { placeOf } from "../mask/column-tokens.ts";
import { spliceJson } from "../mask/splice-json.ts";
import type { Column, InnerStep } from "../pipeline/contracts.ts";

/**
 * Gives a stored JSON text with other tokens in one place: `replace` is asked for each, what is no text as it is written,
 * and gives null for those that stay. Everything else stays as it is written. What is no JSON is taken for one token.
 */
export type ReplaceInside = (json: string, replace: (token: string) => string | null) => string;

/** null: the column's text is the token. */
export function replacerInside(column: MaskedColumn): ReplaceInside | null {
  const { path } = placeOf(column);
  return path === null ? null : replacerAt([path]);
}

/** For all places inside a column. */
export const replacerOfAll = ({ masks = [] }: Column): ReplaceInside =>
  replacerAt(masks.map(({ inside }) => inside.path));

function replacerAt(paths: readonly (readonly InnerStep[])[]): ReplaceInside {
  const find = compilePaths(paths);
  return (json, replace) => {
    // Text of before the column held JSON, or of a sample that was cut.
    if (!isJson(json)) return replace(json) ?? json;
    return spliceJson(json, find(json).places, ({ start, end }) => {
      const written = json.slice(start, end);
      const made = replace(written.startsWith('"') ? (JSON.parse(written) as string) : written);
      return made === null ? written : JSON.stringify(made);
    });
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
