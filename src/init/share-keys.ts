import { parseInnerPath } from "../config/inner-path.ts";
import { renderPath } from "../config/value-path.ts";
import type { ColumnType } from "../pipeline/contracts.ts";
import type { Field } from "./collect-fields.ts";
import type { InferredColumn } from "./column-of.ts";
import { collectInner } from "./inner-fields.ts";

/** What is masked, whole or inside of a column, with the values that were seen. */
interface Masked {
  /** By which its key is derived where nothing else is said. */
  readonly name: string;
  readonly type: ColumnType;
  readonly values: ReadonlySet<string>;
}

/** A shorter value is that of two fields by chance. */
const CHARS_MIN = 3;

/**
 * Gives columns whose masked values are the same ones in the sample one key, so that their tokens join. The one with the
 * shortest name keeps its own: that name is what the others name.
 */
export function shareKeys(columns: readonly InferredColumn[], fields: readonly Field[]): readonly InferredColumn[] {
  const byPath = new Map(fields.map((field) => [renderPath(field.path), field]));
  const masked = columns.flatMap((column) => maskedIn(column, byPath.get(column.from)));
  const keys = new Map<string, string>();
  for (const group of groupsOf(masked)) {
    const [first, ...others] = group.toSorted((one, other) => one.name.length - other.name.length);
    for (const { name } of others) if (first !== undefined) keys.set(name, first.name);
  }
  if (keys.size === 0) return columns;
  const keyOf = (name: string) => (keys.has(name) ? { key: keys.get(name) ?? name } : {});
  return columns.map((column) => ({
    ...column,
    ...(column.mask === null ? {} : keyOf(column.name)),
    ...(column.masks === undefined
      ? {}
      : { masks: column.masks.map((inner) => ({ ...inner, ...keyOf(`${column.name}.${inner.path}`) })) }),
  }));
}

/** Each with those that it, or one of them, shares values with. */
function groupsOf(masked: readonly Masked[]): readonly (readonly Masked[])[] {
  const groups: Masked[][] = [];
  for (const one of masked) {
    const group = groups.find((known) =>
      known.some((other) => other.type === one.type && coincide(one.values, other.values)),
    );
    if (group === undefined) groups.push([one]);
    else group.push(one);
  }
  return groups;
}

function maskedIn({ name, type, mask, masks = [] }: InferredColumn, field: Field | undefined): readonly Masked[] {
  if (field === undefined) return [];
  if (mask !== null) return mask === "hmac-sha256" ? [{ name, type, values: textsOf(field.values) }] : [];
  if (masks.length === 0) return [];
  const inside = collectInner(field.values).fields;
  return masks.map(({ path, type: inner }) => {
    const parsed = parseInnerPath(path);
    const steps = JSON.stringify(parsed.ok ? parsed.value : null);
    const found = inside.find((each) => JSON.stringify(each.path) === steps);
    return { name: `${name}.${path}`, type: inner, values: textsOf(found?.values ?? []) };
  });
}

const textsOf = (values: readonly unknown[]): ReadonlySet<string> =>
  new Set(
    values
      .filter((value) => typeof value !== "boolean")
      .map((value) => String(value).toLowerCase())
      .filter((text) => text.length >= CHARS_MIN),
  );

/** At least half of the fewer are among the others. */
function coincide(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  const [fewer, more] = one.size < other.size ? [one, other] : [other, one];
  const shared = [...fewer].filter((value) => more.has(value)).length;
  return shared > 0 && shared * 2 >= fewer.size;
}
