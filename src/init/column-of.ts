import { parsePlace } from "../config/value-origin.ts";
import type { Column, ColumnType, MaskName } from "../pipeline/contracts.ts";

export interface ColumnSettings {
  readonly name: string;
  readonly from: string;
  readonly type: ColumnType;
  readonly mask: MaskName | null;
  readonly nullable: boolean;
}

/** A column to be written into the configuration. `from`: a field's path, or metadata. */
export interface InferredColumn extends ColumnSettings {
  /** Why it is masked: sentences without a subject. Empty: it is not. */
  readonly reasons: readonly string[];
  /** What else to look at: sentences that hold no value. */
  readonly notes: readonly string[];
}

/** A column as the configuration would declare it, for what judges columns. Where only its type counts, `from` may be any text. */
export function columnOf(settings: ColumnSettings): Column {
  const origin = parsePlace(settings.from);
  return {
    ...settings,
    origin: origin.ok ? origin.value : { kind: "field", path: [settings.from] },
    digits: null,
    precision: null,
    keyVersion: null,
    reveal: false,
    piiDetection: "off",
  };
}
