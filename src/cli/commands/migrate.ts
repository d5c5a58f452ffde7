import { resolve } from "node:path";
import { migrateDatabase, openDatabase } from "../../app.ts";
import { loadConfig } from "../../config/load-config.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

export interface MigrateOptions {
  readonly config: string;
  readonly json: boolean;
}

export async function migrateCommand(
  options: MigrateOptions,
  { folder, environment, writeOut, writeError }: Terminal,
): Promise<ExitCode> {
  const config = await loadConfig(resolve(folder, options.config), environment);
  const pool = openDatabase(config);
  try {
    const { applied, tableCreated } = await migrateDatabase(config, pool);
    const table = showTable(config.sink.postgres.table);
    if (options.json) writeOut(`${JSON.stringify({ applied, table, tableCreated })}\n`);
    for (const name of applied) writeError(`applied ${name}\n`);
    if (tableCreated) writeError(`created table ${table}\n`);
    if (applied.length === 0 && !tableCreated) writeError("nothing to do: everything is up to date\n");
    return EXIT_CODES.done;
  } finally {
    await pool.close();
  }
}
