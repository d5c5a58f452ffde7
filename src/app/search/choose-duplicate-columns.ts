import type { Config, TableConfig } from "../../config/config.ts";
import { didYouMean } from "../../config/did-you-mean.ts";
import { PiipeError } from "../../errors.ts";
import { isMasked, type MaskedColumn, maskedOf } from "../../mask/column-tokens.ts";
import { duplicateColumns, keepsEquality, tellsTime } from "../../mask/duplicate-columns.ts";
import type { Column, MaskName } from "../../pipeline/contracts.ts";
import { columnsNamed, type PlacedColumn, placedColumns } from "../placed-columns.ts";

/** What duplicates of a table are looked for in, and counted by. */
export interface ChosenColumns {
  readonly table: TableConfig;
  /** None, where another table has the chosen column. */
  readonly masked: readonly PlacedColumn<MaskedColumn>[];
  readonly user: Column | null;
  readonly time: Column | null;
}

/** What the command line names; null: as the configuration suggests. */
export interface ColumnChoice {
  readonly column: string | null;
  readonly user: string | null;
  readonly time: string | null;
}

/**
 * The columns to look for duplicates in, and to count by, of each table: what is named is taken in each that has it.
 * @throws {PiipeError} `usage.invalid`, saying why a named column will not do and which would
 */
export function chooseColumns(config: Pick<Config, "tables">, choice: ColumnChoice): readonly ChosenColumns[] {
  const columns = placedColumns(config, (own) => own);
  const masked = chooseMasked(config, choice.column);
  const users = choice.user === null ? null : choose(columns, "--user", choice.user, isUser);
  const times = choice.time === null ? null : choose(columns, "--time", choice.time, isTime);
  const ofTable = (chosen: readonly PlacedColumn[], table: TableConfig): Column | null =>
    chosen.find((found) => found.table === table)?.column ?? null;
  return config.tables.map((table) => {
    const suggested = duplicateColumns(table.columns);
    return {
      table,
      masked: masked.filter((found) => found.table === table),
      user: users === null ? suggested.user : ofTable(users, table),
      time: times === null ? suggested.time : ofTable(times, table),
    };
  });
}

function chooseMasked(config: Pick<Config, "tables">, name: string | null): readonly PlacedColumn<MaskedColumn>[] {
  if (name === null) {
    const suggested = placedColumns(config, maskedOf).filter(({ column }) => keepsEquality(column));
    if (suggested.length > 0) return suggested;
    throw new PiipeError("usage.invalid", "the configuration has no column whose mask keeps equal values equal", {
      hint: "Give a personal column such a mask: hmac-sha256 is the usual one.",
    });
  }
  const columns = placedColumns(config, (own) => [...own, ...maskedOf(own.filter((column) => !isMasked(column)))]);
  return choose(columns, "--column", name, isMaskedEqually);
}

const isUser = (placed: PlacedColumn): placed is PlacedColumn => keepsEquality(placed.column);

const isTime = (placed: PlacedColumn): placed is PlacedColumn => tellsTime(placed.column);

const isMaskedEqually = (placed: PlacedColumn): placed is PlacedColumn<MaskedColumn> =>
  isMasked(placed.column) && keepsEquality(placed.column);

function choose<P extends PlacedColumn>(
  columns: readonly PlacedColumn[],
  option: string,
  name: string,
  isFit: (placed: PlacedColumn) => placed is P,
): readonly P[] {
  const fit = columns.filter(isFit);
  const named = columnsNamed(columns, name);
  const chosen = fit.filter((column) => named.includes(column));
  if (chosen.length > 0) return chosen;
  const near = didYouMean(
    name,
    fit.map(({ shown }) => shown),
  );
  const [first] = named;
  const why =
    first === undefined
      ? `is not in the configuration${near === null ? "" : ` (did you mean ${near}?)`}`
      : whyNot(first.column, option);
  const names = fit.map(({ shown }) => shown).join(", ");
  throw new PiipeError("usage.invalid", `${option} ${name}: the column ${why}`, {
    hint:
      names === "" ? `No column of the configuration can be named here.` : `Columns that can be named here: ${names}.`,
  });
}

function whyNot({ mask }: Column, option: string): string {
  if (option === "--time") return "holds no timestamp or date";
  return mask === null ? "has no mask: its values stand in the table as they are" : whyUnequal(mask);
}

function whyUnequal(mask: MaskName): string {
  switch (mask) {
    case "generalize":
      return "has the mask generalize: many different values are stored as one";
    case "redact":
      return "has the mask redact: all values are stored as one";
    default:
      return `has the mask ${mask}: nothing of its values is stored`;
  }
}
