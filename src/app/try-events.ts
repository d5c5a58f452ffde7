import type { Config } from "../config/config.ts";
import { type ErrorCode, PiipeError } from "../errors.ts";
import { tryColumns } from "../init/try-columns.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { ColumnBounds, MaskedRecord, Rejection } from "../pipeline/contracts.ts";
import { RefusalCounts } from "../pipeline/refusal-counts.ts";
import { type TriedRows, tryRows } from "../write/try-rows.ts";
import { openDatabase } from "./open-database.ts";
import { openMask } from "./open-mask.ts";
import { decoderOptionsOf, openTables } from "./open-tables.ts";

/** What a run would make of the events. */
export interface Trial {
  /** In the table, they are those that would be stored. */
  readonly fitting: number;
  /** Accepted, and kept out of the table by a trigger or rule of its owner. */
  readonly skipped: number;
  /** The most frequent first. */
  readonly refusals: ReadonlyArray<Rejection & { readonly count: number }>;
  /** What ended the trial early, and would end a run; null: nothing. */
  readonly obstacle: string | null;
  /** The error's, where an error ended it. */
  readonly obstacleCode: ErrorCode | null;
  /** The rows were tried in the table, in a transaction that was rolled back. */
  readonly isTriedInTable: boolean;
}

/**
 * Takes the events the way that a run would take them: decode, mask and, where there is a table, insert into it.
 * @param bounds of the real columns of each table; null: a table is missing, and none is tried
 * @throws {PiipeError} `keys.…`
 */
export async function tryEvents(
  bodies: readonly string[],
  config: Config,
  keysJson: string | undefined,
  bounds: readonly ReadonlyMap<string, ColumnBounds>[] | null,
): Promise<Trial> {
  const { keyring, mask } = await openMask(config, keysJson);
  const targets = config.tables.map((table, at) => ({ ...table, bounds: bounds?.[at] ?? new Map() }));
  // By its business id an event is told from others, and these are tried one by one.
  const { records, refusals } = tryColumns(bodies, targets, { ...decoderOptionsOf(config), dedupeBy: null }, mask);
  if (bounds === null) return trialOf(records.length, refusals, false);
  try {
    const { outcomes, skipped } = await tryInTable(config, keyring, records);
    const rejected = outcomes.flatMap((outcome) => (outcome.kind === "rejected" ? [outcome.rejection] : []));
    const fitting = outcomes.length - rejected.length - skipped;
    const trial = { ...trialOf(fitting, [...refusals, ...rejected], true), skipped };
    if (outcomes.length === records.length) return trial;
    return { ...trial, obstacle: `the table refused ${rejected.length} of the first ${outcomes.length} rows` };
  } catch (error) {
    if (!(error instanceof PiipeError)) throw error;
    const { message, code } = error;
    return {
      ...trialOf(0, refusals, true),
      obstacle: `no row can be stored: ${message} [${code}]`,
      obstacleCode: code,
    };
  }
}

async function tryInTable(
  config: Config,
  keyring: Keyring | null,
  records: readonly MaskedRecord[],
): Promise<TriedRows> {
  const pool = openDatabase(config);
  try {
    const written = await openTables(config, keyring, pool);
    return records.length === 0 ? { outcomes: [], skipped: 0 } : await tryRows(pool, written, records);
  } finally {
    await pool.close();
  }
}

function trialOf(fitting: number, all: readonly Rejection[], isTriedInTable: boolean): Trial {
  const refusals = new RefusalCounts();
  for (const rejection of all) refusals.add(rejection);
  const sorted = [...refusals.list()].sort((one, other) => other.count - one.count);
  return { fitting, skipped: 0, refusals: sorted, obstacle: null, obstacleCode: null, isTriedInTable };
}
