import type { Snapshot } from "../../src/app/snapshot.ts";
import type { DashboardData } from "../../src/dashboard/dashboard-data.ts";

export const REPORT = { events: 2, done: 2, skipped: 0, duplicate: 0, refused: 0, unopened: 0 };

/** A pipeline at which nothing happens, but for what is given. */
export function dashboardData(parts: Partial<DashboardData> = {}): DashboardData {
  return {
    version: "1.2.3",
    duplicateColumns: ["masked_ip"],
    ownWorkers: () => [],
    readDepth: () => Promise.resolve({ ok: true, value: { visible: 7, hidden: 0, delayed: 0 } }),
    readDeadLetters: () => Promise.resolve({ ok: true, value: { queue: "login-dead", waiting: 27 } }),
    readStored: () =>
      Promise.resolve({
        workers: { ok: true, value: [] },
        quarantine: { ok: true, value: { pending: 0, reasons: [] } },
      }),
    snapshot: (read): Snapshot => ({
      at: "2026-01-31T12:00:00.000Z",
      pipeline: "logins",
      queue: "login-queue",
      table: "public.user_logins",
      ...read,
    }),
    quarantine: () => Promise.resolve({ reasons: [], entries: [] }),
    duplicates: (column) => Promise.resolve({ column, duplicates: [], valuesFound: 0, rowsFound: 0 }),
    config: () => ({ yaml: "name: logins\n", warnings: [] }),
    replay: null,
    discard: null,
    ...parts,
  };
}
