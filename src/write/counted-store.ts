import type { Column, MaskedRecord } from "../pipeline/contracts.ts";
import { quoteTable } from "../postgres/identifiers.ts";
import type { RunStatement } from "../postgres/transaction.ts";
import { storeStatement, storeValues } from "./insert.ts";
import { type TargetTable, belowSql } from "./target-table.ts";

/**
 * What this transaction has inserted into the target and the tables below it, as PostgreSQL counts for its statistics: a
 * trigger that sends the row into a partition itself returns nothing, and the statement's own count leaves it out.
 */
const READ_INSERTED = `
WITH RECURSIVE ${belowSql({ alsoRules: false })}
SELECT coalesce(sum(pg_catalog.pg_stat_get_xact_tuples_inserted(oid)), 0)::text AS inserted FROM below`;

/**
 * Stores rows in a table whose triggers or rules decide what becomes of them, and counts what is there afterwards. In a
 * statement of their own, since PostgreSQL takes hardly any rule within WITH.
 */
export class CountedStore {
  readonly #statement: string;
  readonly #table: string;
  readonly #columnCount: number;

  constructor(table: TargetTable, columns: readonly Column[]) {
    this.#statement = storeStatement(table, columns);
    this.#table = quoteTable(table.name);
    this.#columnCount = columns.length;
  }

  /** @returns how many of the rows are in the table, or in one below it */
  async store(run: RunStatement, records: readonly MaskedRecord[]): Promise<number> {
    if (records.length === 0) return 0;
    // An earlier transaction of the session may not have handed its counts over yet: only the difference is ours.
    const before = await this.#inserted(run);
    const { rowCount } = await run(this.#statement, storeValues(records, this.#columnCount));
    if (rowCount >= records.length) return records.length;
    const inserted = (await this.#inserted(run)) - before;
    return Math.min(records.length, Math.max(rowCount, inserted));
  }

  async #inserted(run: RunStatement): Promise<number> {
    const { rows } = await run(READ_INSERTED, [this.#table]);
    return Number(rows[0]?.["inserted"]);
  }
}
