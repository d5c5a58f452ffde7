import type { Config, TableConfig } from "../config/config.ts";
import { showTable } from "../postgres/identifiers.ts";

/** As schema.table, with commas between them. */
export const showConfigured = ({ tables }: Config): string => tables.map(({ name }) => showTable(name)).join(", ");

/** The one by which workers and business ids are known. */
export function firstTable({ tables }: Config): TableConfig {
  const [first] = tables;
  if (first === undefined) throw new TypeError("a configuration without a table");
  return first;
}
