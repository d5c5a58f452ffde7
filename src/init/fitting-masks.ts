import { MASKED_TYPES } from "../config/column-schema.ts";
import { COLUMN_TYPES, type ColumnType, isArrayType, MASK_NAMES, type MaskName } from "../pipeline/contracts.ts";
import type { Field } from "./collect-fields.ts";
import { columnOf } from "./column-of.ts";
import type { ExistingColumn } from "./existing-table.ts";

/** Their tokens are as long as the value makes them: whether they fit cannot be told from the column. */
const OF_ANY_LENGTH: readonly MaskName[] = ["aes-siv"];
const DIGITS_ALONE = /^[\d\s./-]+$/;

/**
 * Names the masks whose tokens the table's column can hold, for a person to choose from.
 * @param type of the field's values; a mask that takes only others is named with the first of them
 */
export function showFittingMasks(real: ExistingColumn, type: ColumnType, { values }: Field): string {
  const isOfDigits = values.every((value) => typeof value === "string" && DIGITS_ALONE.test(value));
  const masks = MASK_NAMES.flatMap((mask): readonly string[] => {
    if (OF_ANY_LENGTH.includes(mask) || (mask === "fpe-ff1" && (!isOfDigits || type !== "text"))) return [];
    const types = typesOf(mask);
    const fitting = (types.includes(type) ? [type, ...types] : types).find((each) => isFitting(real, mask, each));
    if (fitting === undefined) return [];
    return [fitting === type ? mask : `${mask} (of type ${fitting})`];
  });
  return masks.length === 0 ? "no mask fits it" : `the masks that fit it: ${masks.join(", ")}`;
}

const typesOf = (mask: MaskName): readonly ColumnType[] =>
  MASKED_TYPES[mask] ?? COLUMN_TYPES.filter((type) => type !== "json" && !isArrayType(type));

/** `drop` stores nothing but NULL. */
const isFitting = ({ name, misfitOf }: ExistingColumn, mask: MaskName, type: ColumnType): boolean =>
  misfitOf(columnOf({ name, from: name, type, mask, nullable: mask === "drop" })) === null;
