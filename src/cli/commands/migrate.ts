import { resolve } from "node:path";
import { migrateDatabase, migrateTokenChecks } from "../../app/migrate-database.ts";
import { openDatabase } from "../../app/open-database.ts";
import { openMask } from "../../app/open-mask.ts";
import { type PlacedColumn, placedColumns } from "../../app/placed-columns.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { type MaskedColumn, maskedOf, placeOf } from "../../mask/column-tokens.ts";
import { tokenTestOf } from "../../mask/token-form.ts";
import type { TokenCheckReport } from "../../storage/rotation/token-checks.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import type { Terminal } from "../terminal.ts";

export interface MigrateOptions {
  readonly config: string;
  /** Also adds the columns that target tables lack. */
  readonly addColumns: boolean;
  /** Also brings the token checks of the target tables up to date. */
  readonly tokenChecks: boolean;
  readonly json: boolean;
}

export async function migrateCommand(
  options: MigrateOptions,
  { folder, environment, writeOut, writeError }: Terminal,
): Promise<ExitCode> {
  const config = await loadConfig(resolve(folder, options.config), environment);
  // The keyring only where it is needed: otherwise whoever migrates needs no key.
  const keys = options.tokenChecks ? await openMask(config, environment["PIIPE_KEYS"]) : null;
  const pool = openDatabase(config);
  try {
    const { applied, tables, ledger, roleSettings, warnings } = await migrateDatabase(config, pool, {
      addsColumns: options.addColumns,
    });
    const tokenChecks =
      keys === null ? null : await migrateTokenChecks(config, keys.keyring, pool, new AbortController().signal);
    const unchecked = tokenChecks === null ? [] : withoutForm(config);
    if (options.json) {
      const checks = tokenChecks === null ? {} : { tokenChecks, unchecked: unchecked.map(jsonOfUnchecked) };
      const settings = config.sink.postgres.settings === "role" ? { roleSettings } : {};
      writeOut(`${JSON.stringify({ applied, tables, ledger, warnings, ...settings, ...checks })}\n`);
    }
    for (const name of applied) writeError(`applied ${name}\n`);
    for (const { table, isCreated, added = [], viewChanged } of tables) {
      if (isCreated) writeError(`created table ${table}\n`);
      for (const column of added) writeError(`added column ${column} to ${table}, NULL in the rows that it has\n`);
      if (viewChanged !== null) writeError(`made the view ${viewChanged}\n`);
    }
    const { created, dropped, pruned } = ledger;
    const isLedgerDone = created + dropped + pruned === 0;
    if (!isLedgerDone)
      writeError(`ledger: ${created} partitions made, ${dropped} dropped, ${pruned} old ids removed\n`);
    for (const warning of warnings) writeError(`warning: ${warning}\n`);
    if (roleSettings.length > 0) writeError("the role lacks settings; run these, for each role that runs piipe:\n");
    for (const statement of roleSettings) writeError(`  ${statement};\n`);
    for (const check of tokenChecks ?? []) writeError(describeCheck(check));
    for (const column of unchecked) writeError(`column ${column.shown} gets no check: ${whyUnchecked(column)}\n`);
    const areDone = tables.every(
      ({ isCreated, added = [], viewChanged }) => !isCreated && added.length === 0 && viewChanged === null,
    );
    const isDone = applied.length === 0 && areDone && isLedgerDone && [...roleSettings, ...warnings].length === 0;
    const isUnchanged = (tokenChecks ?? []).every(({ isChanged, state }) => !isChanged && state === "valid");
    if (isDone && isUnchanged) writeError("nothing to do: everything is up to date\n");
    return EXIT_CODES.done;
  } finally {
    await pool.close();
  }
}

/** Masked columns that no check can tell from raw values. */
const withoutForm = (config: Config): readonly PlacedColumn<MaskedColumn>[] =>
  placedColumns(config, maskedOf).filter(({ column }) => tokenTestOf(column) === null || placeOf(column).path !== null);

const whyUnchecked = ({ column }: PlacedColumn<MaskedColumn>): string =>
  placeOf(column).path === null
    ? `what ${column.mask} gives has no form of its own, and looks like raw values`
    : "a check of PostgreSQL cannot look into the elements of JSON";

const jsonOfUnchecked = (placed: PlacedColumn<MaskedColumn>): object => ({
  column: placed.shown,
  mask: placed.column.mask,
  reason: whyUnchecked(placed),
});

function describeCheck({ column, check, state, misfits, isChanged }: TokenCheckReport): string {
  if (!isChanged && state === "valid") {
    return `the check ${check} is there already, and holds for every row of column ${column}\n`;
  }
  if (state === "dropped") return `dropped the check ${check}: the values of column ${column} have no form any more\n`;
  if (state === "valid") return `the check ${check} holds for every row: column ${column} has only tokens\n`;
  if (misfits === null) {
    return (
      `the check ${check} holds for new and changed rows of column ${column}; the stored ones were not looked through in time\n` +
      `  ALTER TABLE … VALIDATE CONSTRAINT ${check} in psql takes as long as it needs.\n`
    );
  }
  return (
    `warning: the check ${check} holds for new and changed rows only: ${misfits} stored rows of column ${column} have something else\n` +
    "  Bare SHA-256 becomes tokens with `piipe keys takeover`; raw values must be updated or deleted. Then run this again.\n" +
    "  Until then PostgreSQL refuses every update of these rows, of other columns as well.\n"
  );
}
