import { systemClock } from "../clock.ts";
import { columnsOf, type Config } from "../config/config.ts";
import { compileDecoder } from "../decode/compile-decoder.ts";
import { loadPhoneNumbers } from "../decode/phone.ts";
import { PiipeError } from "../errors.ts";
import type { Column, Decode, Transform } from "../pipeline/contracts.ts";
import { type Carried, carriedOver } from "../pipeline/engine.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import type { Dialect } from "../postgres/dialect.ts";
import { ENCODING_REMEDY, encodingWarning, readEncoding } from "../postgres/encoding.ts";
import { ENGINE_REMEDY, engineWarning } from "../postgres/engine.ts";
import { requireRoleSettings } from "../postgres/role-settings.ts";
import { requireSoundLedger } from "../storage/ledger/require-sound-ledger.ts";
import { describeMalformedChecks, describeOtherTypes } from "../storage/rotation/key-checks.ts";
import { checkMigrated } from "../storage/schema/migrations.ts";
import type { Emit } from "../telemetry/events.ts";
import { WorkerCounters } from "../telemetry/worker-counters.ts";
import type { WrittenTables } from "../write/written-tables.ts";
import { createMissing } from "./migrate-database.ts";
import { columnKeysOf, type Keys, openMask } from "./open-mask.ts";
import { checkConflictKeys, decoderOptionsOf, openTables, targetsOf } from "./open-tables.ts";
import { pathRemarks } from "./path-remarks.ts";
import { requireRunRights } from "./require-own-rights.ts";

export interface PrepareOptions {
  /** The keyring's JSON, as `PIIPE_KEYS` holds it; undefined: only the configured file. */
  readonly keysJson: string | undefined;
  readonly emit: Emit;
  /** What is written is rolled back: no table is changed, piipe's own included. */
  readonly isDryRun: boolean;
  /** Given in code. Left out: there is none. */
  readonly transform?: Transform | undefined;
}

/** A pipeline but for its source: checked, and ready for runs over one source after another. */
export interface Prepared {
  readonly config: Config;
  /** The caller's. */
  readonly pool: PostgresPool;
  readonly written: WrittenTables;
  readonly decode: Decode;
  /** Others take their place when the keyring's file changes. */
  keys: Keys;
  /** As in `PrepareOptions`. */
  readonly keysJson: string | undefined;
  readonly isDryRun: boolean;
  /** Counts, and passes on. */
  readonly emit: Emit;
  readonly counters: WorkerCounters;
  readonly carried: Carried;
}

/**
 * Checks everything that a run needs of the keys and the database, once for a process.
 * @param pool stays the caller's
 * @throws {PiipeError} what is missing or wrong, before anything was touched
 */
export async function prepare(config: Config, pool: PostgresPool, options: PrepareOptions): Promise<Prepared> {
  const { isDryRun, keysJson } = options;
  const counters = new WorkerCounters();
  const emit: Emit = (event) => {
    counters.count(event, systemClock.nowMs());
    options.emit(event);
  };
  const warn = (message: string): void => emit({ type: "config.warning", message });
  for (const message of config.warnings) warn(message);
  const dialect = await pool.dialect();
  const engine = engineWarning(dialect.engine);
  if (engine !== null) warn(`${engine}. ${ENGINE_REMEDY}`);
  if (isDryRun) requireSavepoints(dialect);
  if (config.sink.postgres.settings === "role") await requireRoleSettings(pool);
  const keys = await openMask(config, keysJson);
  const { keyring } = keys;
  if (config.sink.postgres.createTable && !isDryRun) {
    for (const message of (await createMissing(config, pool)).warnings) warn(message);
  } else await checkMigrated(pool);
  await requireSoundLedger(pool);
  const written = await openTables(config, keyring, pool);
  await checkConflictKeys(written, keyring, pool);
  for (const { table } of written.tables) {
    // Triggers that do no harm are common: a run tells of them once they keep a row out.
    const rules = table.path.hooks.filter(({ kind }) => kind === "rule");
    for (const { text, remedy } of pathRemarks({ ...table.path, hooks: rules })) warn(`${text}. ${remedy}`);
  }
  await requireRunRights(config, pool);
  const columnKeys = columnKeysOf(config, keyring);
  const malformed = await describeMalformedChecks(pool, columnKeys);
  if (malformed !== null) warn(`${malformed.text}. ${malformed.hint}`);
  for (const { text, hint } of await describeOtherTypes(pool, columnKeys)) warn(`${text}. ${hint}`);
  const encoding = encodingWarning(await readEncoding(pool));
  if (encoding !== null) warn(`${encoding}. ${ENCODING_REMEDY}`);
  if (columnsOf(config).some(isOfPhones)) await loadPhoneNumbers();
  const decode = compileDecoder(targetsOf(config, written), decoderOptionsOf(config, options.transform));
  // A dry run carries nothing into the quarantine, and is to tell of everything.
  const carried = carriedOver(isDryRun ? 1 : config.quarantine.haltAboveShare, systemClock);
  return { config, pool, written, decode, keys, keysJson, isDryRun, emit, counters, carried };
}

/** For a dry run, whose transactions are parts of one. @throws {PiipeError} `database.refused` */
export function requireSavepoints({ hasSavepoints }: Dialect): void {
  if (hasSavepoints) return;
  throw new PiipeError("database.refused", "a dry run needs savepoints, which this server has not", {
    hint: "`piipe mask` shows what becomes of events without a database.",
  });
}

const isOfPhones = ({ type, masks = [] }: Column): boolean =>
  type === "phone" || masks.some((inner) => inner.type === "phone");
