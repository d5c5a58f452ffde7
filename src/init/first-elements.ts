import { renderPath } from "../config/value-path.ts";
import type { Field } from "./collect-fields.ts";
import type { InferredColumn } from "./column-of.ts";

/** Says of each array that was taken for its one record, at the first of its columns, what that means. */
export function noteFirstElements(
  columns: readonly InferredColumn[],
  fields: readonly Field[],
): readonly InferredColumn[] {
  const arrays = new Map(
    fields.flatMap(({ path }) => {
      const index = path.indexOf(0);
      return index === -1 ? [] : [[renderPath(path), renderPath(path.slice(0, index))] as const];
    }),
  );
  const noted = new Set<string>();
  return columns.map((column) => {
    const array = arrays.get(column.from);
    if (array === undefined || noted.has(array)) return column;
    noted.add(array);
    const note = `each event seen has one element in ${array}: of one with more, only the first would be stored; \`tables\` with \`each\` gives each a row`;
    return { ...column, notes: [...column.notes, note] };
  });
}
