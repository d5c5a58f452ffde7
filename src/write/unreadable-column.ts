import type { MaskedRecord } from "../pipeline/contracts.ts";
import { arrayLiteral } from "../postgres/array-literal.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";
import type { RunStatement } from "../postgres/transaction.ts";
import { readingStatement, type WrittenTable } from "./insert.ts";

/** Runs statements that belong together, in a transaction or a savepoint: what `work` throws undoes them. */
export type Transact = <T>(work: (run: RunStatement) => Promise<T>) => Promise<T>;

/** The name of the first column whose type does not read the record's text; null: all of them do. */
export type FindUnreadable = (record: MaskedRecord, transact: Transact) => Promise<string | null>;

/**
 * Types refuse texts with what SQLSTATE their authors like, also with those of a missing table or a wrong statement: `regclass`,
 * `tsquery`, `ltree`. So the texts are read once more without the table, where nothing else can fail.
 */
export function compileFindUnreadable(tables: readonly WrittenTable[]): FindUnreadable {
  const readings = tables.flatMap(({ table, columns }, place) =>
    columns.flatMap((column, index) => {
      const statement = readingStatement(table, column);
      return statement === null ? [] : [{ name: column.name, place, index, statement }];
    }),
  );
  return async (record, transact) => {
    for (const { name, place, index, statement } of readings) {
      const texts = new Set(
        record.rows.filter(({ table }) => table === place).map(({ values }) => values[index] ?? null),
      );
      for (const text of texts) {
        if (text === null) continue;
        try {
          await transact((run) => run(statement, [arrayLiteral([text])]));
        } catch (error) {
          if (!(error instanceof DatabaseFailure)) throw error;
          if (error.fate === "doubt" || error.fate === "bisect") return name;
          // One that takes too long says nothing of what refused the row.
          if (error.fate !== "retry") throw error;
        }
      }
    }
    return null;
  };
}
