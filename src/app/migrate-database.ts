import { systemClock } from "../clock.ts";
import type { Config, TableConfig } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { placeOf } from "../mask/column-tokens.ts";
import { duplicateColumns } from "../mask/duplicate-columns.ts";
import { allowedForms } from "../mask/token-form.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { showTable } from "../postgres/identifiers.ts";
import { missingRoleSettings } from "../postgres/role-settings.ts";
import { MIGRATED_DAYS_AHEAD, maintainLedger } from "../storage/ledger/ledger-maintenance.ts";
import { type TokenCheckReport, addTokenChecks } from "../storage/rotation/token-checks.ts";
import { addColumns } from "../storage/schema/add-columns.ts";
import { createTable } from "../storage/schema/create-table.ts";
import { type MigratedTable, type MigrationReport, migrate } from "../storage/schema/migrations.ts";
import { updateDuplicatesView } from "../storage/search/duplicates-view.ts";
import { addingStatement, checkTable } from "../write/check-table.ts";
import { type TargetTable, readTargetTable } from "../write/target-table.ts";
import { formsOf, tokenChars } from "./open-tables.ts";

/**
 * Brings piipe's own tables and views up to date and creates the target tables that are missing. An existing one is left
 * as it is, but for columns that are added to it where that is wanted: what does not fit in it is a warning. Idempotent.
 */
export async function migrateDatabase(
  config: Config,
  pool: PostgresPool,
  { addsColumns = false }: { readonly addsColumns?: boolean } = {},
): Promise<MigrationReport> {
  const report = await createMissing(config, pool, { addsColumns });
  const { created, dropped, pruned, failure } = await maintainLedger(
    pool,
    systemClock.nowMs(),
    undefined,
    MIGRATED_DAYS_AHEAD,
  );
  if (failure) throw failure;
  const misfits: string[] = [];
  for (const target of config.tables) {
    const misfit = misfitOf(await readTargetTable(pool, target.name), target);
    if (misfit !== null) misfits.push(misfit);
  }
  const ledger = { created, dropped, pruned };
  const roleSettings = config.sink.postgres.settings === "role" ? await missingRoleSettings(pool) : [];
  return { ...report, ledger, roleSettings, warnings: [...misfits, ...report.warnings] };
}

/** Whether this user may insert into the table does not matter here: the workers' users do. */
function misfitOf(table: TargetTable, { columns }: TableConfig): string | null {
  try {
    checkTable(table, columns, tokenChars(columns, null));
    return null;
  } catch (error) {
    if (!(error instanceof PiipeError)) throw error;
    return error.code === "database.table-mismatch" ? [error.message, error.hint].join(". ") : null;
  }
}

/** Without the ledger's partitions: a run makes them beside its work, and until then the default one takes the claims. */
export async function createMissing(
  config: Config,
  pool: PostgresPool,
  { addsColumns }: { readonly addsColumns: boolean } = { addsColumns: false },
): Promise<Omit<MigrationReport, "ledger" | "roleSettings">> {
  const applied = await migrate(pool);
  const tables: MigratedTable[] = [];
  const warnings: string[] = [];
  for (const { name: table, columns, onConflict } of config.tables) {
    const isCreated = await createTable(pool, table, columns, onConflict?.key ?? []);
    const target = await readTargetTable(pool, table);
    const missing = columns.filter((column) => !target.columns.some(({ name }) => name === column.name));
    const added = addsColumns
      ? await addColumns(
          pool,
          table,
          missing.map((column) => ({ name: column.name, statement: addingStatement(target, column) })),
          { clock: systemClock, stop: new AbortController().signal },
        )
      : [];
    const real = new Set([...target.columns.map(({ name }) => name), ...added]);
    // A column that the table lacks would break the view for all others.
    const { masked, user, time } = duplicateColumns(columns.filter(({ name }) => real.has(name)));
    const { changed, warning } = await updateDuplicatesView(pool, {
      table,
      places: masked.map(placeOf),
      user: user === null ? null : placeOf(user),
      timeColumn: time?.name ?? null,
    });
    tables.push({ table: showTable(table), isCreated, ...(addsColumns && { added }), viewChanged: changed });
    if (warning !== null) warnings.push(warning);
  }
  return { applied, tables, warnings };
}

/** Lets the database itself refuse what is no token. Idempotent; needed again after a key version was added. */
export async function migrateTokenChecks(
  config: Config,
  keyring: Keyring | null,
  pool: PostgresPool,
  stop: AbortSignal,
): Promise<readonly TokenCheckReport[]> {
  const reports: TokenCheckReport[] = [];
  for (const { name, columns } of config.tables) {
    const table = await readTargetTable(pool, name);
    const forms = formsOf(columns, (column) => allowedForms(column, keyring));
    const shown = config.tables.length === 1 ? "" : `${showTable(name)}.`;
    const added = await addTokenChecks(pool, table.name, forms, { clock: systemClock, stop });
    reports.push(...added.map((report) => ({ ...report, column: shown + report.column })));
  }
  return reports;
}
