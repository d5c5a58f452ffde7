import { columnsOf, type Config } from "../config/config.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { AUDIT_RIGHT } from "../storage/audit.ts";
import { type NeededRight, ownTable, requireRights } from "../storage/schema/require-rights.ts";

const on = (name: string, rights: readonly NeededRight["right"][]): NeededRight[] =>
  rights.map((right) => ({ table: ownTable(name), right }));

/** DELETE is for the maintenance: whoever claims prunes. */
const CLAIMS = ["SELECT", "INSERT", "DELETE"] as const;

/**
 * What a run does to piipe's own tables. Call it before anything is received: a write that is denied names the target table
 * only.
 * @throws {PiipeError} `database.denied`
 */
export async function requireRunRights(config: Config, pool: PostgresPool): Promise<void> {
  await requireRights(pool, [
    ...on("ledger", CLAIMS),
    ...on("quarantine", ["SELECT", "INSERT", "UPDATE"]),
    ...(columnsOf(config).some(({ reveal }) => reveal) ? on("vault", ["INSERT"]) : []),
    ...businessIdRights(config),
  ]);
}

/**
 * What a run's reports of itself need. It works without them: only `status` and the dashboard do not know of it then.
 * @throws {PiipeError} `database.denied`
 */
export async function requireHeartbeatRights(pool: PostgresPool): Promise<void> {
  await requireRights(pool, on("workers", ["SELECT", "INSERT", "UPDATE", "DELETE"]));
}

/**
 * As `requireRunRights`, for a replay, which claims in the quarantine instead of the ledger and finds out by itself.
 * @throws {PiipeError} `database.denied`, only with `dedupeBy`
 */
export async function requireReplayRights(config: Config, pool: PostgresPool): Promise<void> {
  await requireRights(pool, businessIdRights(config));
}

/**
 * What a redrive does beyond a run: it is noted.
 * @throws {PiipeError} `database.denied`
 */
export async function requireRedriveRights(pool: PostgresPool): Promise<void> {
  await requireRights(pool, [AUDIT_RIGHT]);
}

/**
 * What the load of a file does beyond a run.
 * @throws {PiipeError} `database.denied`
 */
export async function requireLoadRights(pool: PostgresPool): Promise<void> {
  await requireRights(pool, [...on("loads", ["SELECT", "INSERT", "UPDATE"]), ...on("load_lines", CLAIMS)]);
}

function businessIdRights({ dedupeBy }: Config): NeededRight[] {
  return dedupeBy === null ? [] : on("business_ids", CLAIMS);
}
