import type { Config } from "../config/config.ts";
import { type PoolOptions, type PostgresPool, openPool } from "../postgres/connection.ts";
import { requireRoleSettings } from "../postgres/role-settings.ts";
import { checkMigrated } from "../storage/schema/migrations.ts";
import { databaseLogin } from "./database-login.ts";

/** @param options `replyTimeoutMs`: for statements that take longer than those of a run */
export function openDatabase(config: Config, options: Pick<PoolOptions, "replyTimeoutMs"> = {}): PostgresPool {
  const { url, password, maxConnections, settings } = config.sink.postgres;
  return openPool({ url, login: databaseLogin(password), connectionsMax: maxConnections, settings, ...options });
}

/**
 * Gives `work` a database that has piipe's own tables, and closes the pool whatever happens.
 * @throws {PiipeError} `database.not-migrated`, `database.settings`, or as the pool and `work` fail
 */
export async function withDatabase<T>(
  config: Config,
  work: (pool: PostgresPool) => Promise<T>,
  options: Pick<PoolOptions, "replyTimeoutMs"> = {},
): Promise<T> {
  const pool = openDatabase(config, options);
  try {
    await checkMigrated(pool);
    if (config.sink.postgres.settings === "role") await requireRoleSettings(pool);
    return await work(pool);
  } finally {
    await pool.close();
  }
}

export function withConnections(config: Config, maxConnections: number): Config {
  return { ...config, sink: { postgres: { ...config.sink.postgres, maxConnections } } };
}
