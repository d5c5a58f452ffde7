import { type MaskedColumn, placeOf } from "../../mask/column-tokens.ts";
import type { DuplicateColumns } from "../../mask/duplicate-columns.ts";
import { tokenTestOf } from "../../mask/token-form.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import {
  type Duplicates,
  type DuplicatesQuery,
  type DuplicateValue,
  readDuplicates,
} from "../../storage/search/duplicates.ts";
import { type PlacedColumn, placeIn } from "../placed-columns.ts";

export interface ShownValue extends Omit<DuplicateValue, "token"> {
  /** null: what is stored is no token, and may be a raw value. */
  readonly token: string | null;
}

/** A column with what was found in it. */
export interface ColumnFindings extends Omit<Duplicates, "values"> {
  /** As it is shown. */
  readonly column: string;
  readonly values: readonly ShownValue[];
}

/** The duplicates of a column, in what may be shown of them. */
export async function findDuplicates(
  pool: PostgresPool,
  placed: PlacedColumn<MaskedColumn>,
  countBy: Pick<DuplicateColumns, "user" | "time">,
  query: Omit<DuplicatesQuery, "place" | "user" | "timeColumn">,
): Promise<ColumnFindings> {
  const found = await readDuplicates(pool, {
    ...query,
    place: placeIn(placed),
    user: countBy.user === null ? null : placeOf(countBy.user),
    timeColumn: countBy.time?.name ?? null,
  });
  const values = found.values.map((value) => shown(value, placed.column, countBy.time));
  return { column: placed.shown, ...found, values };
}

function shown(value: DuplicateValue, column: MaskedColumn, time: DuplicateColumns["time"]): ShownValue {
  const token = tokenTestOf(column)?.(value.token) === false ? null : value.token;
  return { ...value, token, ...timesShown(value, time) };
}

/** Shown in the place of a masked column's value that is no token: it may be raw, from before the mask. */
export const NO_TOKEN = "[no token]";

type SeenTimes = Pick<DuplicateValue, "firstSeen" | "lastSeen">;

/** A date has no time of day to show. */
export function timesShown({ firstSeen, lastSeen }: SeenTimes, time: DuplicateColumns["time"]): SeenTimes {
  if (time?.type !== "date") return { firstSeen, lastSeen };
  return { firstSeen: firstSeen?.slice(0, 10) ?? null, lastSeen: lastSeen?.slice(0, 10) ?? null };
}
