import type { MaskedRecord } from "../pipeline/contracts.ts";
import { quoteTable } from "../postgres/identifiers.ts";
import type { RunStatement } from "../postgres/transaction.ts";
import { storeStatement, storeValues, type WrittenTable } from "./insert.ts";
import { belowSql } from "./target-table.ts";
import { ownersOf, type UpsertTally } from "./upsert.ts";

/**
 * What this transaction has inserted into the target and the tables below it, as PostgreSQL counts for its statistics: a
 * trigger that sends the row into a partition itself returns nothing, and the statement's own count leaves it out.
 */
const READ_INSERTED = `
WITH RECURSIVE ${belowSql({ alsoRules: false })}
SELECT coalesce(sum(pg_catalog.pg_stat_get_xact_tuples_inserted(oid)), 0)::text AS inserted FROM below`;

/**
 * Stores rows in tables whose triggers or rules decide what becomes of them, and counts what is there afterwards. In a
 * statement for each table, since PostgreSQL takes hardly any rule within WITH.
 */
export class CountedStore {
  readonly #tables: readonly {
    readonly statement: string;
    readonly name: string;
    readonly columnCount: number;
    /** Among the configured ones. */
    readonly place: number;
    readonly isUpserted: boolean;
  }[];

  /** @param order in which the tables are written, by their places: those that foreign keys lead to go first */
  constructor(tables: readonly WrittenTable[], order: readonly number[]) {
    this.#tables = order.flatMap((place) => {
      const written = tables[place];
      if (written === undefined) return [];
      const { table, columns, rule } = written;
      return [
        {
          statement: storeStatement(written),
          name: quoteTable(table.name),
          columnCount: columns.length,
          place,
          isUpserted: rule !== undefined,
        },
      ];
    });
  }

  /**
   * @param tally notes what became of rows in tables with `onConflict`
   * @returns how many of the rows were kept out of a table, and those below it; at most one for each record
   */
  async store(run: RunStatement, records: readonly MaskedRecord[], tally: UpsertTally): Promise<number> {
    let missing = 0;
    for (const { statement, name, columnCount, place, isUpserted } of this.#tables) {
      const rows = records.flatMap((record) => record.rows.filter(({ table }) => table === place));
      if (rows.length === 0) continue;
      if (isUpserted) {
        const [found] = (await run(statement, storeValues(rows, columnCount))).rows;
        missing += tally.note(ownersOf(records, place), () => true, found?.["upserted"], found?.["missing"]);
        continue;
      }
      // An earlier transaction of the session may not have handed its counts over yet: only the difference is ours.
      const before = await insertedInto(run, name);
      const { rowCount } = await run(statement, storeValues(rows, columnCount));
      if (rowCount >= rows.length) continue;
      const inserted = (await insertedInto(run, name)) - before;
      missing += Math.max(0, rows.length - Math.max(rowCount, inserted));
    }
    return Math.min(records.length, missing);
  }
}

async function insertedInto(run: RunStatement, table: string): Promise<number> {
  const { rows } = await run(READ_INSERTED, [table]);
  return Number(rows[0]?.["inserted"]);
}
