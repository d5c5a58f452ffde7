import { withConnections, withDatabase } from "../app/open-database.ts";
import { type ObserverOptions, openObserver } from "../app/open-observer.ts";
import { ownQueues } from "../app/own-queues.ts";
import { PACKAGE_VERSION } from "../app/package-version.ts";
import { placedColumns } from "../app/placed-columns.ts";
import { findDuplicates } from "../app/search/find-duplicates.ts";
import type { Config } from "../config/config.ts";
import { printConfig } from "../config/print-config.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import { duplicateColumns } from "../mask/duplicate-columns.ts";
import { countReasons, listEntries } from "../storage/quarantine/quarantine.ts";
import { checkMigrated } from "../storage/schema/migrations.ts";
import { resolveTable } from "../storage/search/duplicates.ts";
import { SEARCH_REPLY_TIMEOUT_MS } from "../storage/search/stored-columns.ts";
import type { LiveWorker } from "../storage/workers.ts";
import type { Emit } from "../telemetry/events.ts";
import { dashboardActions } from "./dashboard-actions.ts";
import type { DashboardData } from "./dashboard-data.ts";

export interface DashboardDataOptions {
  readonly config: Config;
  readonly keysJson: string | undefined;
  /** Only for the demo's local queue; null: the standard AWS chain. */
  readonly credentials: ObserverOptions["credentials"];
  readonly ownWorkers: () => readonly LiveWorker[];
  readonly allowsActions: boolean;
  /** For replays; null: only discarding is allowed. */
  readonly privateKey: PrivateKey | null;
  readonly emit: Emit;
  /** Cuts what is under way. */
  readonly abort: AbortSignal;
}

export interface OpenedData {
  readonly data: DashboardData;
  /** Waits for an action to finish its page. */
  close(): Promise<void>;
}

/** A value of one user counts from here on. */
const DUPLICATE_ROWS_MIN = 2;
const DUPLICATES_MAX = 100;

/**
 * Everything that the dashboard may know, and nothing else. One connection stays with it; another one is opened for the
 * time of an action, and one while duplicates are looked for.
 */
export function openDashboardData(options: DashboardDataOptions): OpenedData {
  const { config, allowsActions } = options;
  const observer = openObserver(config, options);
  const { pool } = observer;
  const alone = withConnections(config, 1);
  const columns = placedColumns(config, (own) => duplicateColumns(own).masked);
  const actions = allowsActions ? dashboardActions({ ...options, config: alone }) : null;
  const underWay = new Set<Promise<unknown>>();

  function noting<A extends unknown[], T>(work: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      const done = work(...args);
      underWay.add(done);
      try {
        return await done;
      } finally {
        underWay.delete(done);
      }
    };
  }

  const { replay = null, discard = null } = actions ?? {};
  return {
    data: {
      version: PACKAGE_VERSION,
      duplicateColumns: columns.map(({ shown }) => shown),
      ownWorkers: options.ownWorkers,
      readDepth: (abort) => observer.readDepth(abort),
      readDeadLetters: (abort) => observer.readDeadLetters(abort),
      readStored: () => observer.readStored(),
      snapshot: (parts) => observer.snapshot(parts),
      async quarantine({ state, code, entriesMax }) {
        await checkMigrated(pool);
        const queues = await ownQueues(config, pool);
        return {
          reasons: await countReasons(pool, { queues, code: null, state }),
          entries: await listEntries(pool, { queues, code, state }, entriesMax),
        };
      },
      duplicates: noting((name, abort) => {
        const placed = columns.find(({ shown }) => shown === name);
        if (placed === undefined) throw new Error("duplicates were asked for of a column that was not offered");
        return withDatabase(
          alone,
          async (own) => {
            const table = await resolveTable(own, placed.table.name);
            const query = { table, rowsMin: DUPLICATE_ROWS_MIN, limit: DUPLICATES_MAX, abort };
            const { values: duplicates, ...found } = await findDuplicates(
              own,
              placed,
              duplicateColumns(placed.table.columns),
              query,
            );
            return { ...found, duplicates };
          },
          { replyTimeoutMs: SEARCH_REPLY_TIMEOUT_MS },
        );
      }),
      config: () => ({ yaml: printConfig(config, pool.place), warnings: config.warnings }),
      replay: replay && noting(replay),
      discard: discard && noting(discard),
    },
    async close() {
      await Promise.allSettled(underWay);
      await observer.close();
    },
  };
}
