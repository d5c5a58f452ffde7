import type { Config } from "../config/config.ts";
import { openPool, type PoolOptions, type PostgresPool } from "../postgres/connection.ts";

/** @param options `replyTimeoutMs`: for statements that take longer than those of a run */
export function openDatabase(config: Config, options: Pick<PoolOptions, "replyTimeoutMs"> = {}): PostgresPool {
  const { url, maxConnections } = config.sink.postgres;
  return openPool({ url, connectionsMax: maxConnections, ...options });
}
