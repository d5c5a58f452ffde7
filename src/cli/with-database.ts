import { openDatabase } from "../app/open-database.ts";
import type { Config } from "../config/config.ts";
import type { PoolOptions, PostgresPool } from "../postgres/connection.ts";
import { checkMigrated } from "../storage/schema/migrations.ts";

/**
 * Gives `work` a database that has piipe's own tables, and closes the pool whatever happens.
 * @throws {PiipeError} `database.not-migrated`, or as the pool and `work` fail
 */
export async function withDatabase<T>(
  config: Config,
  work: (pool: PostgresPool) => Promise<T>,
  options: Pick<PoolOptions, "replyTimeoutMs"> = {},
): Promise<T> {
  const pool = openDatabase(config, options);
  try {
    await checkMigrated(pool);
    return await work(pool);
  } finally {
    await pool.close();
  }
}
