import { parseInnerPath } from "../config/inner-path.ts";
import { parsePlace } from "../config/value-origin.ts";
import type { Column, ColumnType, Echo, InnerMask, MaskName, TimeFormat } from "../pipeline/contracts.ts";

/** How values are read: as a type, and in which form. */
export interface Reading {
  readonly type: ColumnType;
  readonly format?: TimeFormat;
  readonly zone?: string;
  readonly coerce?: true;
  readonly cut?: true;
}

export interface ColumnSettings extends Reading {
  readonly name: string;
  readonly from: string;
  readonly mask: MaskName | null;
  readonly nullable: boolean;
  readonly absent?: "default";
  readonly key?: string;
  readonly echo?: Echo;
  /** Inside of a json column. */
  readonly masks?: readonly InferredMask[];
}

/** What is masked inside of a json column. */
export interface InferredMask {
  /** As the configuration writes it: `items[].gift_to`. */
  readonly path: string;
  readonly type: ColumnType;
  readonly mask: MaskName;
  readonly key?: string;
}

/** A column to be written into the configuration. `from`: a field's path, or metadata. */
export interface InferredColumn extends ColumnSettings {
  /** Why it is masked: sentences without a subject. Empty: it is not. */
  readonly reasons: readonly string[];
  /** What else to look at: sentences that hold no value. */
  readonly notes: readonly string[];
}

const PLAIN = { digits: null, precision: null, keyVersion: null, reveal: false, piiDetection: "off" } as const;

/** A column as the configuration would declare it, for what judges columns. Where only its type counts, `from` may be any text. */
export function columnOf(settings: ColumnSettings): Column {
  const { name, from, type, mask, nullable, absent, key, echo, masks } = settings;
  const place = parsePlace(from);
  const column: Column = {
    ...PLAIN,
    name,
    from,
    type,
    mask,
    nullable,
    origin: place.ok ? place.value : { kind: "field", path: [from] },
    ...readingOf(settings),
    ...(absent === undefined ? {} : { absent }),
    ...(key === undefined ? {} : { key }),
    ...(echo === undefined ? {} : { echo }),
  };
  return masks === undefined ? column : { ...column, masks: masks.map((inner) => innerOf(column, inner)) };
}

function innerOf({ name, from, origin }: Column, { path, type, mask, key }: InferredMask): InnerMask {
  const parsed = parseInnerPath(path);
  if (!parsed.ok) throw new TypeError("a path that was inferred cannot be read");
  return {
    ...PLAIN,
    name: `${name}.${path}`,
    from: `${from}.${path}`,
    origin,
    type,
    mask,
    nullable: true,
    inside: { column: name, path: parsed.value },
    ...(key === undefined ? {} : { key }),
  };
}

const readingOf = ({ format, zone, coerce, cut }: Reading) => ({
  ...(format === undefined ? {} : { formats: [format] }),
  ...(zone === undefined ? {} : { zone }),
  ...(coerce === undefined ? {} : { coerce }),
  ...(cut === undefined ? {} : { cut }),
});
