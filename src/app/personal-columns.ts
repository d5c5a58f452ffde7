/** Columns that are stored as they are and look personal: what `check` warns of. */
import type { TableConfig } from "../config/config.ts";
import { personalPartOf } from "../config/looks-personal.ts";
import { renderPlace } from "../config/value-origin.ts";
import { type Detections, showDetections } from "../mask/leak/count-detections.ts";
import { type Column, type ColumnType, isArrayType } from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";

export interface PersonalColumn {
  readonly column: string;
  /** Why it looks personal, to follow the column's name. Holds no value. */
  readonly why: string;
  readonly remedy: string;
}

function remedyFor(type: ColumnType): string {
  const mask =
    type === "json" || isArrayType(type)
      ? "Mask what is personal inside it with `masks`, as `type: json` (docs/masking.md)."
      : "Give it a mask (docs/masking.md).";
  return `${mask} If its values are not personal data, say so with \`piiDetection: off\`.`;
}

/** Columns without a mask, but those of which the configuration says `piiDetection: off`. */
function unmaskedColumns({ columns, notPersonal }: TableConfig): readonly Column[] {
  return columns.filter(
    ({ name, mask, origin }) => mask === null && origin.kind !== "constant" && !notPersonal.includes(name),
  );
}

/** Those whose values are worth looking at: a hit in a value of any other type would be chance. */
export function sampledColumns(table: TableConfig): readonly Column[] {
  return unmaskedColumns(table).filter(({ type }) => type === "text" || type === "text[]" || type === "json");
}

/** @param detections what was found in a sample of each column's values, by column name; empty when there is none */
export function personalColumns(
  table: TableConfig,
  detections: ReadonlyMap<string, Detections>,
): readonly PersonalColumn[] {
  return unmaskedColumns(table).flatMap((column) => {
    const reasons = [ofName(column), ofSample(detections.get(column.name))].filter((reason) => reason !== null);
    return reasons.length === 0
      ? []
      : [{ column: column.name, why: reasons.join(", and "), remedy: remedyFor(column.type) }];
  });
}

const PERSONAL_TYPES: Readonly<Partial<Record<ColumnType, string>>> = {
  ip: "IP addresses",
  phone: "phone numbers",
  mac: "addresses of devices",
};

/** Of a column with masks inside it, the name speaks of what they mask. */
function ofName({ name, origin, type, masks = [] }: Column): string | null {
  if (masks.length > 0) return null;
  const part = personalPartOf(name);
  if (part !== null) return `its name looks personal (${part})`;
  const fields = placesOf(origin).filter(({ kind }) => kind !== "metadata");
  const fieldPart = fields.map((place) => personalPartOf(renderPlace(place))).find((found) => found !== null) ?? null;
  if (fieldPart !== null) return `it comes from a field whose name looks personal (${fieldPart})`;
  const kind = PERSONAL_TYPES[type];
  return kind === undefined ? null : `it holds ${kind} (type ${type})`;
}

function ofSample(detections: Detections | undefined): string | null {
  if (detections === undefined || detections.counts.size === 0) return null;
  return showDetections(detections);
}
