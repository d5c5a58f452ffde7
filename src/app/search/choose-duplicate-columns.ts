import { didYouMean } from "../../config/did-you-mean.ts";
import { PiipeError } from "../../errors.ts";
import { maskedOf } from "../../mask/column-tokens.ts";
import { type DuplicateColumns, duplicateColumns, keepsEquality, tellsTime } from "../../mask/duplicate-columns.ts";
import type { Column, MaskName } from "../../pipeline/contracts.ts";

export type ChosenColumns = DuplicateColumns;

/** What the command line names; null: as the configuration suggests. */
export interface ColumnChoice {
  readonly column: string | null;
  readonly user: string | null;
  readonly time: string | null;
}

/**
 * The columns to look for duplicates in, and to count by.
 * @throws {PiipeError} `usage.invalid`, saying why a named column will not do and which would
 */
export function chooseColumns(columns: readonly Column[], { column, user, time }: ColumnChoice): ChosenColumns {
  const suggested = duplicateColumns(columns);
  return {
    masked: column === null ? atLeastOne(suggested.masked) : [chooseMasked(columns, suggested, column)],
    user: user === null ? suggested.user : chooseUser(columns, user),
    time: time === null ? suggested.time : chooseTime(columns, time),
  };
}

function atLeastOne(masked: DuplicateColumns["masked"]): DuplicateColumns["masked"] {
  if (masked.length > 0) return masked;
  throw new PiipeError("usage.invalid", "the configuration has no column whose mask keeps equal values equal", {
    hint: "Give a personal column such a mask: hmac-sha256 is the usual one.",
  });
}

function chooseMasked(
  columns: readonly Column[],
  { masked }: DuplicateColumns,
  name: string,
): DuplicateColumns["masked"][number] {
  const chosen = masked.find((column) => column.name === name);
  if (chosen) return chosen;
  const { mask } = find([...columns, ...maskedOf(columns)], "--column", name, masked);
  throw unfit(
    "--column",
    name,
    mask === null ? "has no mask: its values stand in the table as they are" : whyNot(mask),
    masked,
  );
}

function chooseUser(columns: readonly Column[], name: string): Column {
  const fit = columns.filter(keepsEquality);
  const chosen = find(columns, "--user", name, fit);
  if (chosen.mask === null || keepsEquality(chosen)) return chosen;
  throw unfit("--user", name, whyNot(chosen.mask), fit);
}

function chooseTime(columns: readonly Column[], name: string): Column {
  const fit = columns.filter(tellsTime);
  const chosen = find(columns, "--time", name, fit);
  if (tellsTime(chosen)) return chosen;
  throw unfit("--time", name, "holds no timestamp or date", fit);
}

function whyNot(mask: MaskName): string {
  switch (mask) {
    case "generalize":
      return "has the mask generalize: many different values are stored as one";
    case "redact":
      return "has the mask redact: all values are stored as one";
    default:
      return `has the mask ${mask}: nothing of its values is stored`;
  }
}

function find(columns: readonly Column[], option: string, name: string, fit: readonly Column[]): Column {
  const found = columns.find((column) => column.name === name);
  if (found) return found;
  const near = didYouMean(
    name,
    fit.map((column) => column.name),
  );
  throw unfit(option, name, `is not in the configuration${near === null ? "" : ` (did you mean ${near}?)`}`, fit);
}

function unfit(option: string, name: string, why: string, fit: readonly Column[]): PiipeError {
  const names = fit.map((column) => column.name).join(", ");
  return new PiipeError("usage.invalid", `${option} ${name}: the column ${why}`, {
    hint:
      names === "" ? `No column of the configuration can be named here.` : `Columns that can be named here: ${names}.`,
  });
}
