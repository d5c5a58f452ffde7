import type { Column, MaskedRecord, WriteOutcome } from "../pipeline/contracts.ts";
import { arrayLiteral } from "../postgres/array-literal.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";
import { quoteIdentifier, quoteTable, showTable } from "../postgres/identifiers.ts";
import { inTransaction } from "../postgres/transaction.ts";
import { bisect } from "./bisect.ts";
import { checkedFits, storedValue } from "./insert.ts";
import type { TargetTable } from "./target-table.ts";

const STATEMENT_TIMEOUT_MS = 30_000;
const UNDO_PART = "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part";
const LOCK_TIMEOUT_MS = 2_000;
/** Each costs some round trips, and a run would halt long before. */
const REJECTED_MAX = 100;
const STORED: WriteOutcome = { kind: "stored" };

/**
 * Inserts the records in a transaction that is rolled back: what constraints, defaults and triggers make of them. Constraints
 * that wait for the end of a transaction are checked at once. Numbers that the table's sequences gave are not given again.
 * @returns one outcome for each record, in order: stored or rejected; fewer when a hundred were rejected
 * @throws {PiipeError} as a write does, when no row is at fault
 */
export async function tryRows(
  pool: PostgresPool,
  table: TargetTable,
  columns: readonly Column[],
  records: readonly MaskedRecord[],
): Promise<readonly WriteOutcome[]> {
  const statement = plainInsert(table, columns);
  return inTransaction(
    pool,
    {
      doing: `trying rows in ${showTable(table.name)}`,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      rollsBack: true,
    },
    async (run) => {
      await run("SET CONSTRAINTS ALL IMMEDIATE");
      /** @param end of the part's savepoint, when the table took the rows */
      const insert = async (part: readonly MaskedRecord[], end: string): Promise<void> => {
        await run("SAVEPOINT part");
        try {
          await run(
            statement,
            columns.map((_, index) => arrayLiteral(part.map(({ values }) => values[index] ?? null))),
          );
        } catch (error) {
          if (error instanceof DatabaseFailure && error.fate !== "reconnect") await run(UNDO_PART);
          throw error;
        }
        await run(end);
      };
      return bisect(records, {
        declared: new Set(columns.map(({ name }) => name)),
        async write(part) {
          await insert(part, "RELEASE SAVEPOINT part");
          return part.map(() => STORED);
        },
        async wouldStore(record) {
          await insert([record], UNDO_PART);
          return true;
        },
        rejectedMax: REJECTED_MAX,
      });
    },
  );
}

function plainInsert(table: TargetTable, columns: readonly Column[]): string {
  const fits = checkedFits(table, columns);
  const names = fits.map((_, index) => `c${index}`).join(", ");
  const arrays = fits.map(({ elementType }, index) => `$${index + 1}::${elementType}[]`).join(", ");
  const targets = columns.map(({ name }) => quoteIdentifier(name)).join(", ");
  return `
INSERT INTO ${quoteTable(table.name)} (${targets})
SELECT ${fits.map(storedValue).join(", ")}
FROM unnest(${arrays}) WITH ORDINALITY AS input (${names}, position) ORDER BY input.position`;
}
