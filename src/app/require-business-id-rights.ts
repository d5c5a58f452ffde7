import type { Config } from "../config/config.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { ownTable, requireRights } from "../store/require-rights.ts";

/**
 * Call it before anything is received: a write that is denied names the target table only, and not this one. DELETE is for
 * the maintenance, as whoever claims business ids prunes them.
 * @throws {PiipeError} `database.denied`, only with `dedupeBy`
 */
export async function requireBusinessIdRights({ dedupeBy }: Config, pool: PostgresPool): Promise<void> {
  if (dedupeBy === null) return;
  const table = ownTable("business_ids");
  await requireRights(
    pool,
    (["SELECT", "INSERT", "DELETE"] as const).map((right) => ({ table, right })),
  );
}
