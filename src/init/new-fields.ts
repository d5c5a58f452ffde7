import type { Config, TableConfig } from "../config/config.ts";
import { renderPath } from "../config/value-path.ts";
import type { PathStep } from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";
import type { CollectedFields, Field } from "./collect-fields.ts";
import type { ExistingTable } from "./existing-table.ts";
import { noteFirstElements } from "./first-elements.ts";
import { type Inference, oddFields } from "./infer-columns.ts";
import { matchColumns } from "./match-columns.ts";
import { forNewTable } from "./new-columns.ts";
import { forTable } from "./table-columns.ts";

export interface Taken {
  /** Fields that the configuration looks at beside the columns. */
  readonly taken: readonly (readonly PathStep[])[];
}

/**
 * The columns for fields that no column takes yet: those of the table that are free and have the field's name, new ones for
 * the others. A field is taken with what is around it and in it: who has chosen one element of an array has chosen.
 */
export function inferNewColumns(
  { fields, oddKeys }: CollectedFields,
  { columns, unknownFields, ...config }: Pick<Config, "unknownFields"> & Pick<TableConfig, "columns"> & Taken,
  table: ExistingTable | null,
): Inference {
  const known = [
    ...config.taken,
    ...columns
      .flatMap(({ origin }) => placesOf(origin))
      .flatMap((place) => (place.kind === "field" && (place.up ?? 0) === 0 ? [place.path] : [])),
  ];
  const unknown = fields.filter(
    ({ path, values }) => values.length > 0 && !known.some((other) => isWithin(path, other)),
  );
  const unknownOdd = oddKeys.filter((key) => !known.some(([first]) => first === key));
  const names = new Set(columns.map(({ name }) => name));
  const free = (table?.columns ?? []).filter(({ name }) => !names.has(name));
  const matches = matchColumns(
    unknown.map(({ path }) => renderPath(path)),
    free,
  );
  const isMatched = ({ path }: Field): boolean => matches.has(renderPath(path));
  const taken = new Set([...names, ...(table?.columns ?? []).map(({ name }) => name)]);
  const outcomes = [
    ...forTable(unknown.filter(isMatched), { columns: [...matches.values()] }, fields),
    ...forNewTable(
      unknown.filter((field) => !isMatched(field)),
      taken,
      fields,
    ),
  ];
  const added = outcomes.flatMap((outcome) => ("column" in outcome ? [outcome.column] : []));
  return {
    columns: noteFirstElements(added, fields),
    leftOut: [
      ...outcomes.flatMap((outcome) => ("leftOut" in outcome ? [outcome.leftOut] : [])),
      ...oddFields(unknownOdd.length, unknownFields === "quarantine" ? REFUSED : ""),
    ],
    eventId: null,
  };
}

const REFUSED =
  "; with `unknownFields: quarantine` their events are refused: write columns for them yourself, or `unknownFields: ignore`";

/** One of the paths leads to where the other leads, or begins the way to it. */
const isWithin = (one: readonly PathStep[], other: readonly PathStep[]): boolean =>
  one.slice(0, other.length).every((step, index) => step === other[index]);
