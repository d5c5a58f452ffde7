import { showConfigured } from "../../app/configured-tables.ts";
import { openDatabase } from "../../app/open-database.ts";
import { columnKeysOf } from "../../app/open-mask.ts";
import { openTables } from "../../app/open-tables.ts";
import { pathRemarks } from "../../app/path-remarks.ts";
import { type PendingProblem, pendingCheckProblems } from "../../app/pending-versions.ts";
import { requireHeartbeatRights, requireRunRights } from "../../app/require-own-rights.ts";
import type { ScalePlan } from "../../app/scale-plan.ts";
import { systemClock } from "../../clock.ts";
import type { Config } from "../../config/config.ts";
import { PiipeError } from "../../errors.ts";
import type { Keyring } from "../../keys/keyring.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { inspectServer } from "../../postgres/inspect-server.ts";
import { requireRoleSettings } from "../../postgres/role-settings.ts";
import { type Ledger, readLedger } from "../../storage/ledger/ledger-maintenance.ts";
import { requireSoundLedger } from "../../storage/ledger/require-sound-ledger.ts";
import { describeMalformedChecks, describeOtherTypes } from "../../storage/rotation/key-checks.ts";
import { checkMigrated, firstPending } from "../../storage/schema/migrations.ts";
import { type Samples, judgeColumns, readSamples } from "./check-columns.ts";
import { type Finding, Findings, warning } from "./findings.ts";
import { judgeClock } from "./judge-queue.ts";
import {
  judgeConnections,
  judgeEncoding,
  judgeLedger,
  judgeLogin,
  judgeTls,
  judgeVersion,
  judgeWritable,
} from "./judge-server.ts";

/** Shorter than a run's: nobody is to wait for minutes to hear that the database hangs. */
const REPLY_TIMEOUT_MS = 20_000;

/** Reads only. One look after the other, so that a single connection will do; none after the database is lost. */
export async function checkDatabase(
  config: Config,
  keyring: Keyring | null,
  plan: ScalePlan | null,
): Promise<readonly Finding[]> {
  const findings = new Findings();
  const pool = openDatabase(config, { replyTimeoutMs: REPLY_TIMEOUT_MS });
  try {
    const samples = await lookAtDatabase(config, keyring, plan, pool, findings);
    findings.add(...judgeColumns(config, samples));
  } finally {
    await pool.close();
  }
  return findings.list;
}

/** @returns the stored values of each table: null when they cannot be read */
async function lookAtDatabase(
  config: Config,
  keyring: Keyring | null,
  plan: ScalePlan | null,
  pool: PostgresPool,
  findings: Findings,
): Promise<readonly (Samples | null)[]> {
  const none = config.tables.map(() => null);
  const isLost = (): boolean => findings.hasError("database.unreachable");
  findings.add(...judgeLogin(config.sink.postgres));
  const server = await findings.attempt("database", () => inspectServer(pool, () => systemClock.nowMs()));
  if (server === null) return none;
  // Of several hosts, the one that was found to take writes.
  const place = { ...pool.place, address: server.address };
  findings.add(
    judgeVersion(server, place),
    ...judgeEncoding(server),
    ...judgeWritable(server, place),
    judgeConnections(server, config.sink.postgres, plan),
    judgeTls(server, place),
    ...judgeClock("PostgreSQL", server.clockOffsetMs),
  );
  if (config.sink.postgres.settings === "role") {
    await findings.look("settings", async () => {
      await requireRoleSettings(pool);
      return { text: `the role ${pool.place.user} sets what transactions leave to it`, value: true };
    });
  }
  const isMigrated = await lookAtMigrations(config, pool, findings);
  if (isMigrated === true) {
    await lookAtRights(config, pool, findings);
    const readSoundLedger = async (): Promise<Ledger> => {
      await requireSoundLedger(pool);
      return readLedger(pool);
    };
    const ledger = isLost() ? null : await findings.attempt("ledger", readSoundLedger);
    if (ledger !== null) findings.add(judgeLedger(ledger));
  }
  if (isLost()) return none;
  const isThere = await lookAtTables(config, keyring, pool, findings);
  if (isThere === null) return none;
  const samples: (Samples | null)[] = [];
  for (const table of config.tables) samples.push(isThere ? await readSamples(table, pool) : new Map());
  return samples;
}

/** @returns false when a run will make the tables, null when the look failed */
function lookAtMigrations(config: Config, pool: PostgresPool, findings: Findings): Promise<boolean | null> {
  return findings.look("migrations", async () => {
    const willCreate = config.sink.postgres.createTable && (await firstPending(pool)) !== null;
    if (!willCreate) await checkMigrated(pool);
    return {
      text: willCreate ? "run will create piipe's own tables" : "piipe's own tables are up to date",
      value: !willCreate,
    };
  });
}

async function lookAtRights(config: Config, pool: PostgresPool, findings: Findings): Promise<void> {
  const mayRun = await findings.look("rights", async () => {
    await requireRunRights(config, pool);
    return { text: `${pool.place.user} may do what a run does to piipe's own tables`, value: true };
  });
  if (mayRun === null) return;
  await findings.attempt("rights", async () => {
    try {
      await requireHeartbeatRights(pool);
    } catch (error) {
      if (!(error instanceof PiipeError) || error.code !== "database.denied") throw error;
      const text = `${error.message}: a run works without, and \`piipe status\` does not show it`;
      findings.add(warning("rights", text, error.hint));
    }
  });
}

/** @returns whether the tables are there, and fit; false when a run will make one, null when the look failed */
async function lookAtTables(
  config: Config,
  keyring: Keyring | null,
  pool: PostgresPool,
  findings: Findings,
): Promise<boolean | null> {
  const seen = await findings.look<{ readonly isThere: boolean; readonly remarks: readonly PendingProblem[] }>(
    "table",
    async () => {
      const name = showConfigured(config);
      try {
        const { tables } = await openTables(config, keyring, pool);
        const remarks: PendingProblem[] = [];
        for (const { table, columns } of tables) {
          remarks.push(...pathRemarks(table.path));
          if (keyring !== null) remarks.push(...(await pendingCheckProblems(columns, keyring, pool, table.name)));
        }
        return { text: `${name} can hold the columns`, value: { isThere: true, remarks } };
      } catch (error) {
        const isMissing = error instanceof PiipeError && error.code === "database.table-missing";
        if (!isMissing || !config.sink.postgres.createTable) throw error;
        return { text: `run will create ${name}`, value: { isThere: false, remarks: [] } };
      }
    },
  );
  for (const { text, remedy } of seen?.remarks ?? []) findings.add(warning("table", text, remedy));
  const columnKeys = columnKeysOf(config, keyring);
  const malformed =
    seen === null ? null : await findings.attempt("keys", () => describeMalformedChecks(pool, columnKeys));
  if (malformed !== null) findings.add(warning("keys", malformed.text, malformed.hint));
  const otherTypes = seen === null ? null : await findings.attempt("keys", () => describeOtherTypes(pool, columnKeys));
  for (const { text, hint } of otherTypes ?? []) findings.add(warning("keys", text, hint));
  return seen?.isThere ?? null;
}
