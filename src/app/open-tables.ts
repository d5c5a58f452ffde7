import type { Config } from "../config/config.ts";
import type { DecoderOptions } from "../decode/compile-decoder.ts";
import type { DecodedTarget } from "../decode/event-rows.ts";
import { PiipeError } from "../errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { tokenCharsOf, writtenForms } from "../mask/token-form.ts";
import type { Column, Transform } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { showTable } from "../postgres/identifiers.ts";
import { compareKeys } from "../storage/rotation/key-checks.ts";
import { requireOneVersion } from "../storage/rotation/one-version.ts";
import { type ColumnForms, checkTokenChecks } from "../storage/rotation/token-checks.ts";
import { boundsOf, checkTable } from "../write/check-table.ts";
import { type ConflictRule, readConflictRule } from "../write/conflict-rule.ts";
import type { WrittenTable } from "../write/insert.ts";
import { readTargetTable, withDefaults } from "../write/target-table.ts";
import { orderTables, type WrittenTables } from "../write/written-tables.ts";
import { columnKeysOf } from "./open-mask.ts";

/**
 * @throws {PiipeError} when a table is missing, its columns cannot hold what the configuration writes, or the keyring is
 * another than the one that made its tokens
 */
export async function openTables(config: Config, keyring: Keyring | null, pool: PostgresPool): Promise<WrittenTables> {
  const tables: WrittenTable[] = [];
  for (const { name, columns, onConflict } of config.tables) {
    const read = await readTargetTable(pool, name);
    const table = columns.some(({ absent }) => absent === "default") ? await withDefaults(pool, read) : read;
    checkTable(table, columns, tokenChars(columns, keyring));
    if (onConflict === null) tables.push({ table, columns });
    else tables.push({ table, columns, rule: await readConflictRule(pool, table, columns, onConflict) });
  }
  refuseTwice(tables);
  await compareKeys(pool, columnKeysOf(config, keyring));
  for (const { table, columns } of tables) {
    const forms = formsOf(columns, (column) => writtenForms(column, keyring));
    await checkTokenChecks(pool, table.name, forms);
  }
  return orderTables(pool, tables);
}

/** One statement cannot write a row twice, as two that name the same table would. */
function refuseTwice(tables: readonly WrittenTable[]): void {
  const names = tables.map(({ table }) => showTable(table.name));
  const twice = names.find((name, place) => names.indexOf(name) < place);
  if (twice === undefined || tables.every(({ rule }) => rule === undefined)) return;
  throw new PiipeError("database.table-mismatch", `tables names ${twice} twice, and onConflict needs each table once`, {
    hint: "Write one table for it, with a list of places where a column's value is another (`from: [a, b]`).",
  });
}

/**
 * For whoever stores events. With `onConflict` by a masked column, all of its tokens have to be of the key version that makes new
 * ones.
 * @throws {PiipeError} `keys.mismatch`
 */
export async function checkConflictKeys(
  { tables }: WrittenTables,
  keyring: Keyring | null,
  pool: PostgresPool,
): Promise<void> {
  for (const { table, columns, rule } of tables) {
    if (rule !== undefined) await requireOneVersion(pool, table.name, maskedKeys(columns, rule, keyring));
  }
}

/**
 * For a keyring that takes the place of another while events are stored: other workers may go on with that one, and rows of one
 * value under both would be two.
 * @throws {PiipeError} `keys.mismatch`
 */
export function requireSameConflictKeys({ tables }: WrittenTables, before: Keyring | null, after: Keyring): void {
  for (const { columns, rule } of tables) {
    const changed = columns.find(
      (column) => rule?.key.includes(column.name) === true && prefixOf(column, before) !== prefixOf(column, after),
    );
    if (changed === undefined) continue;
    throw new PiipeError(
      "keys.mismatch",
      `column ${changed.name} is in the key of onConflict, and another key version would give its values other tokens`,
      {
        hint: "Stop all workers before the primary key version changes. The next start tells whether the table has such tokens.",
      },
    );
  }
}

/** What the tokens of new events begin with; null: nothing that tells a version. */
const prefixOf = (column: Column, keyring: Keyring | null): string | null =>
  writtenForms(column, keyring)?.[0]?.prefix || null;

/**
 * Columns of the key whose tokens show the key version that made them, where the keyring has had several: with what begins
 * those that new events get.
 */
function maskedKeys(
  columns: readonly Column[],
  { key }: ConflictRule,
  keyring: Keyring | null,
): ReadonlyMap<string, string> {
  const used = keyring?.versions.filter(({ state }) => state !== "pending") ?? [];
  if (used.length < 2) return new Map();
  return new Map(
    columns
      .filter(({ name }) => key.includes(name))
      .flatMap((column) => {
        const prefix = prefixOf(column, keyring);
        return prefix === null ? [] : [[column.name, prefix] as const];
      }),
  );
}

/** How events are read for the tables. */
export const targetsOf = (config: Config, { tables }: WrittenTables): readonly DecodedTarget[] =>
  config.tables.map((target, place) => {
    const written = tables[place];
    return { ...target, bounds: written === undefined ? new Map() : boundsOf(written.table, written.columns) };
  });

/** The rest of how they are read. */
export const decoderOptionsOf = (
  { unknownFields, unmatched, dedupeBy, source }: Config,
  transform?: Transform,
): DecoderOptions => ({
  ...(transform !== undefined && { transform }),
  unknownFields,
  unmatched,
  dedupeBy,
  unwrap: source.unwrap,
  each: source.each,
});

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
