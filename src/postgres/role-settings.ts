import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";
import { FORMS, IDLE_IN_TRANSACTION_TIMEOUT_MS, MEANING } from "./local-settings.ts";
import { TIMEOUTS } from "./transaction.ts";

/*
 * What a role has to set where no transaction sets anything (`sink.postgres.settings: role`): proxies such as RDS Proxy give a
 * session that has set something to nobody else.
 */

interface RoleSetting {
  /** As it is to be set. */
  readonly value: string;
  /** Others that serve as well, as `pg_settings` shows them: times in milliseconds. */
  readonly fits: (found: string) => boolean;
}

const timeout = (usualMs: number, maxMs: number): RoleSetting => ({
  value: `${usualMs / 1000}s`,
  fits: (found) => Number(found) > 0 && Number(found) <= maxMs,
});
const oneOf = (value: string, ...others: readonly string[]): RoleSetting => ({
  value,
  fits: (found) => found === value || others.includes(found),
});

const SETTINGS: Readonly<Record<string, RoleSetting>> = {
  // Shorter than the wait for a reply, so that the server's own word comes first.
  statement_timeout: timeout(TIMEOUTS.usual.statementTimeoutMs, 60_000),
  lock_timeout: timeout(TIMEOUTS.usual.lockTimeoutMs, 30_000),
  // A dead worker's locks hold up the others for so long.
  idle_in_transaction_session_timeout: timeout(IDLE_IN_TRANSACTION_TIMEOUT_MS, 300_000),
  synchronous_commit: oneOf("on", "remote_apply"),
  ...Object.fromEntries(Object.entries(MEANING).map(([name, value]) => [name, oneOf(value)])),
  ...Object.fromEntries(Object.entries(FORMS).map(([name, value]) => [name, oneOf(value)])),
  DateStyle: { value: FORMS.DateStyle, fits: (found) => found.startsWith("ISO,") },
  TimeZone: oneOf(FORMS.TimeZone, "Etc/UTC", "GMT", "Etc/GMT", "Etc/Universal", "Etc/Zulu", "Universal", "Zulu", "UCT"),
};

const READ_SETTINGS = `
SELECT session_user AS role, (
  SELECT json_object_agg(name, setting)::text FROM pg_catalog.pg_settings
  WHERE name IN (SELECT json_array_elements_text($1::json))
) AS settings`;

/** Statements that give the connected role what it lacks, without a semicolon. None: it has everything. */
export async function missingRoleSettings(pool: PostgresPool): Promise<readonly string[]> {
  const connection = await pool.connect();
  const { path, dialect } = connection.session;
  connection.release();
  // Nor can a role set anything there.
  if (!dialect.takesSettings) return [];
  const names = JSON.stringify(Object.keys(SETTINGS));
  const { rows } = await pool.query("reading the settings of the role", READ_SETTINGS, [names]);
  const role = quoteIdentifier(rows[0]?.["role"] ?? "");
  const found = JSON.parse(rows[0]?.["settings"] ?? "{}") as Readonly<Record<string, string>>;
  const missing = Object.entries(SETTINGS).flatMap(([name, { value, fits }]) =>
    fits(found[name] ?? "") ? [] : [`${name} = '${value}'`],
  );
  // `SET LOCAL search_path = …`, for the role.
  if (path !== null) missing.push(path.replace("SET LOCAL ", ""));
  return missing.map((setting) => `ALTER ROLE ${role} SET ${setting}`);
}

/** @throws {PiipeError} `database.settings`, with the statements that mend it */
export async function requireRoleSettings(pool: PostgresPool): Promise<void> {
  const missing = await missingRoleSettings(pool);
  if (missing.length === 0) return;
  throw new PiipeError(
    "database.settings",
    `sink.postgres.settings is role, and the PostgreSQL role lacks ${missing.length} of its settings`,
    { hint: `Run as this role or a superuser: ${missing.join("; ")}. They hold for new connections.` },
  );
}
