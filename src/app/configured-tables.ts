import type { Config, TableConfig } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import { showTable } from "../postgres/identifiers.ts";

/** As schema.table, with commas between them. */
export const showConfigured = ({ tables }: Config): string => tables.map(({ name }) => showTable(name)).join(", ");

/** The one by which workers and business ids are known. */
export function firstTable({ tables }: Config): TableConfig {
  const [first] = tables;
  if (first === undefined) throw new TypeError("a configuration without a table");
  return first;
}

/**
 * The table of a pipeline that has one.
 * @throws {PiipeError} `usage.invalid` when it has several
 */
export function soleTable({ tables }: Config): TableConfig {
  const [only, ...others] = tables;
  if (only !== undefined && others.length === 0) return only;
  throw new PiipeError("usage.invalid", "this command works on one table, and the configuration names several", {
    hint: "Give it a configuration that names one of the tables only.",
  });
}
