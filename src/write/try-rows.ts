import type { MaskedRecord, WriteOutcome } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { TIMEOUTS, inSavepoint, inTransaction } from "../postgres/transaction.ts";
import { bisect } from "./bisect.ts";
import { CountedStore } from "./counted-store.ts";
import { compileFindUnreadable } from "./unreadable-column.ts";
import { UpsertTally } from "./upsert.ts";
import { declaredIn, showTables, type WrittenTables } from "./written-tables.ts";

/** Each costs some round trips, and a run would halt long before. */
const REJECTED_MAX = 100;
const STORED: WriteOutcome = { kind: "stored" };

export interface TriedRows {
  /** One for each record, in order: stored or rejected; fewer when a hundred were rejected. */
  readonly outcomes: readonly WriteOutcome[];
  /** Of the stored: so many are in no table, as a trigger or rule of its owner keeps them out. */
  readonly skipped: number;
}

/**
 * Inserts the records in a transaction that is rolled back: what constraints, defaults and triggers make of them. Constraints
 * that wait for the end of a transaction are checked at once. Numbers that the table's sequences gave are not given again.
 * @throws {PiipeError} as a write does, when no row is at fault
 */
export async function tryRows(
  pool: PostgresPool,
  written: WrittenTables,
  records: readonly MaskedRecord[],
): Promise<TriedRows> {
  const store = new CountedStore(written.tables, written.order);
  const findUnreadable = compileFindUnreadable(written.tables);
  return inTransaction(
    pool,
    { doing: `trying rows in ${showTables(written)}`, ...TIMEOUTS.besideOthers, rollsBack: true },
    async (run) => {
      await run("SET CONSTRAINTS ALL IMMEDIATE");
      let skipped = 0;
      const outcomes = await bisect(records, {
        declared: declaredIn(written),
        async write(part) {
          skipped += await inSavepoint(run, () => store.store(run, part, new UpsertTally()));
          return part.map(() => STORED);
        },
        async wouldStore(record) {
          await inSavepoint(run, () => store.store(run, [record], new UpsertTally()), { undoes: true });
          return true;
        },
        findUnreadable: (record) => findUnreadable(record, (work) => inSavepoint(run, () => work(run))),
        rejectedMax: REJECTED_MAX,
      });
      return { outcomes, skipped };
    },
  );
}
