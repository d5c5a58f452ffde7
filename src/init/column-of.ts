import type { Column, ColumnType, MaskName } from "../pipeline/contracts.ts";

export interface ColumnSettings {
  readonly name: string;
  readonly from: string;
  readonly type: ColumnType;
  readonly mask: MaskName | null;
  readonly nullable: boolean;
}

/** A column as the configuration would declare it, for what judges columns. */
export function columnOf(settings: ColumnSettings): Column {
  return {
    ...settings,
    origin: { kind: "field", path: settings.from.split(".") },
    digits: null,
    precision: null,
    keyVersion: null,
    reveal: false,
    piiDetection: "off",
  };
}
