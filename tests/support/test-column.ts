import type { Column } from "../../src/pipeline/contracts.ts";

/** A column like one of a configuration that says nothing but its name and type; `fields` say more. */
export function testColumn(fields: Partial<Column> & Pick<Column, "name" | "type">): Column {
  const from = fields.from ?? fields.name;
  return {
    origin: { kind: "field", path: from.split(".") },
    from,
    nullable: false,
    mask: null,
    digits: null,
    precision: null,
    keyVersion: null,
    reveal: false,
    piiDetection: "off",
    ...fields,
  };
}
