import { parseInnerPath, showInnerPath } from "../config/inner-path.ts";
import { renderPath } from "../config/value-path.ts";
import type { ColumnType } from "../pipeline/contracts.ts";
import type { Field } from "./collect-fields.ts";
import type { LeftOut } from "./column-for.ts";
import { columnOf, type InferredColumn, type InferredMask } from "./column-of.ts";
import type { ExistingTable } from "./existing-table.ts";
import type { Inference } from "./infer-columns.ts";
import { collectInner } from "./inner-fields.ts";
import { isHolder } from "./judge-field.ts";

/** Of these a short value equals another one by chance. */
const NUMBERS: ReadonlySet<ColumnType> = new Set(["integer", "number", "decimal", "version"]);

/**
 * Masks the columns that hold values of masked ones: they are as personal as those. A number, or a key in JSON, that equals one
 * now and then is chance. What cannot be masked is left out.
 * @param echoes how many events such a column had one in, by its `from`
 */
export function maskEchoes(
  inference: Inference,
  echoes: ReadonlyMap<string, number>,
  fields: readonly Field[],
  table: ExistingTable | null,
): Inference {
  const leftOut: LeftOut[] = [];
  const hidden = hiddenTexts(inference.columns, fields);
  const columns = inference.columns.flatMap((column): readonly InferredColumn[] => {
    const count = echoes.get(column.from);
    if (count === undefined || column.mask !== null) return [column];
    const values = fields.find(({ path }) => renderPath(path) === column.from)?.values ?? [];
    const isRare = count * 2 < values.length;
    const isHeld = values.some(isHolder);
    if (isRare && NUMBERS.has(column.type)) return [{ ...column, echo: "allow", notes: [...column.notes, CHANCE] }];
    const reason = `holds the value of a masked column in ${count} of the events looked at`;
    const masked = isHeld ? maskedInside(column, values, hidden, reason) : maskedWhole(column, reason);
    const real = table?.columns.find(({ name }) => name === column.name);
    const misfit = masked === null ? "no masks inside it do" : (real?.misfitOf(columnOf(masked)) ?? null);
    if (masked !== null && misfit === null) return [masked];
    if (isRare && isHeld && isOfKeys(values, hidden)) {
      return [{ ...column, notes: [...column.notes, `has a key or number that ${REFUSING}`] }];
    }
    leftOut.push({
      field: column.from,
      column: real === undefined ? null : column.name,
      why: `${reason}, and ${misfit}`,
      isProblem: true,
    });
    return [];
  });
  return { ...inference, columns, leftOut: [...inference.leftOut, ...leftOut] };
}

const CHANCE = "equals a masked value in some events, by chance as it seems: `echo: allow` takes those";
const REFUSING =
  "equals a masked value in some events, by chance as it seems: those would be refused, unless you write `echo: allow`";

/** No text holds what is masked, but the name of a field or a number is the same. */
function isOfKeys(values: readonly unknown[], hidden: readonly string[]): boolean {
  const found = collectInner(values).fields.flatMap(({ path, values: inner }) => [
    ...path,
    ...inner.flatMap((value) => (typeof value === "number" || typeof value === "bigint" ? [String(value)] : [])),
  ]);
  return found.some((part) => part !== null && hidden.includes(part.toLowerCase()));
}

const maskedWhole = (column: InferredColumn, reason: string): InferredColumn => ({
  ...column,
  mask: "hmac-sha256",
  reasons: [...column.reasons, reason],
});

/** Masks the places that have one of the texts in them; null: there is none, or none that can be masked. */
function maskedInside(
  column: InferredColumn,
  values: readonly unknown[],
  hidden: readonly string[],
  reason: string,
): InferredColumn | null {
  const { fields, isBarred } = collectInner(values);
  const known = (column.masks ?? []).map(({ path }) => path);
  const echoing = fields.filter(
    ({ path, values: inner }) =>
      !known.includes(showInnerPath(path)) &&
      inner.every((value) => typeof value === "string") &&
      inner.some((value) => hidden.some((text) => value.toLowerCase().includes(text))),
  );
  if (echoing.length === 0 || echoing.some(isBarred)) return null;
  if (echoing.some(({ path }) => !parseInnerPath(showInnerPath(path)).ok)) return null;
  const masks = echoing.map(({ path }): InferredMask => ({
    path: showInnerPath(path),
    type: "text",
    mask: "hmac-sha256",
  }));
  return {
    ...column,
    type: "json",
    masks: [...(column.masks ?? []), ...masks],
    reasons: [...column.reasons, `${masks.map(({ path }) => path).join(", ")} ${reason}`],
  };
}

/** What the masked columns were seen to hold, and what is masked inside of others. */
function hiddenTexts(columns: readonly InferredColumn[], fields: readonly Field[]): readonly string[] {
  const texts = columns.flatMap(({ from, mask, masks = [] }) => {
    const values = fields.find(({ path }) => renderPath(path) === from)?.values ?? [];
    if (mask !== null) return values;
    const paths = new Set(masks.map(({ path }) => path));
    if (paths.size === 0) return [];
    return collectInner(values).fields.flatMap(({ path, values: inner }) =>
      paths.has(showInnerPath(path)) ? inner : [],
    );
  });
  return [...new Set(texts.map((text) => String(text).trim().toLowerCase()).filter((text) => text.length > 2))];
}
