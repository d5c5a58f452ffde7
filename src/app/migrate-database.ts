import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { Keyring } from "../keys/keyring.ts";
import { duplicateColumns } from "../pipeline/mask/duplicate-columns.ts";
import { allowedForms } from "../pipeline/mask/token-form.ts";
import { readTargetTable } from "../pipeline/write/target-table.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { createTable } from "../store/create-table.ts";
import { updateDuplicatesView } from "../store/duplicates-view.ts";
import { maintainLedger } from "../store/ledger-maintenance.ts";
import { migrate } from "../store/migrate.ts";
import type { MigrationReport } from "../store/migration-report.ts";
import { addTokenChecks, type TokenCheckReport } from "../store/token-checks.ts";
import { formsOf } from "./open-table.ts";

/** Brings piipe's own tables and views up to date and creates the target table when it is missing. Idempotent. */
export async function migrateDatabase(config: Config, pool: PostgresPool): Promise<MigrationReport> {
  const report = await createMissing(config, pool);
  const { failure } = await maintainLedger(pool, systemClock.nowMs());
  if (failure) throw failure;
  return report;
}

/** Without the ledger's partitions: a run makes them beside its work, and until then the default one takes the claims. */
export async function createMissing(config: Config, pool: PostgresPool): Promise<MigrationReport> {
  const { table } = config.sink.postgres;
  const applied = await migrate(pool);
  const tableCreated = await createTable(pool, table, config.columns);
  const { masked, user, time } = duplicateColumns(config.columns);
  const { changed, warning } = await updateDuplicatesView(pool, {
    table,
    columns: masked.map(({ name }) => name),
    userColumn: user?.name ?? null,
    timeColumn: time?.name ?? null,
  });
  return { applied, tableCreated, viewChanged: changed, warnings: warning === null ? [] : [warning] };
}

/** Lets the database itself refuse what is no token. Idempotent; needed again after a key version was added. */
export async function migrateTokenChecks(
  config: Config,
  keyring: Keyring | null,
  pool: PostgresPool,
  stop: AbortSignal,
): Promise<readonly TokenCheckReport[]> {
  const table = await readTargetTable(pool, config.sink.postgres.table);
  const forms = formsOf(config.columns, (column) => allowedForms(column, keyring));
  return addTokenChecks(pool, table.name, forms, { clock: systemClock, stop });
}
