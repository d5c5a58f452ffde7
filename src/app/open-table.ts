import type { Config } from "../config/config.ts";
import type { Keyring } from "../keys/keyring.ts";
import { tokenCharsOf, writtenForms } from "../mask/token-form.ts";
import type { Column } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { compareKeys } from "../storage/rotation/key-checks.ts";
import { type ColumnForms, checkTokenChecks } from "../storage/rotation/token-checks.ts";
import { checkTable } from "../write/check-table.ts";
import { type TargetTable, readTargetTable, withDefaults } from "../write/target-table.ts";
import { columnKeysOf } from "./open-mask.ts";

/**
 * @throws {PiipeError} when the table is missing, its columns cannot hold what the configuration writes, or the keyring is
 * another than the one that made its tokens
 */
export async function openTable(config: Config, keyring: Keyring | null, pool: PostgresPool): Promise<TargetTable> {
  const read = await readTargetTable(pool, config.sink.postgres.table);
  const table = config.columns.some(({ absent }) => absent === "default") ? await withDefaults(pool, read) : read;
  checkTable(table, config.columns, tokenChars(config.columns, keyring));
  await compareKeys(pool, columnKeysOf(config, keyring));
  await checkTokenChecks(
    pool,
    table.name,
    formsOf(config.columns, (column) => writtenForms(column, keyring)),
  );
  return table;
}

/** The forms of each column, as the store takes them: it knows no masks. */
export function formsOf(
  columns: readonly Column[],
  formsOfColumn: (column: Column) => ColumnForms["forms"],
): readonly ColumnForms[] {
  return columns.map((column) => ({ column: column.name, forms: formsOfColumn(column) }));
}

/** Length of the tokens of each masked column; without a keyring, of its first version. */
export function tokenChars(columns: readonly Column[], keyring: Keyring | null): ReadonlyMap<string, number> {
  const version = keyring?.primary?.version ?? 1;
  return new Map(
    columns.flatMap(({ name, mask }) => {
      const chars = mask === null ? null : tokenCharsOf(mask, version);
      return chars === null ? [] : [[name, chars] as const];
    }),
  );
}
