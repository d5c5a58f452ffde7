import { DatabaseFailure } from "../../postgres/database-failure.ts";
import type { MaskedRecord, Rejection, RejectionCode, WriteOutcome } from "../contracts.ts";

/** Writes records in a transaction of their own: all of them, or it throws and none is written. */
export type WriteRecords = (records: readonly MaskedRecord[]) => Promise<readonly WriteOutcome[]>;

/**
 * Writes what can be written, and finds the rows that PostgreSQL refuses by halving until each is alone. A half that
 * was committed is not touched again. One bad row in 1,000 costs about 21 transactions.
 * @param declared names of the configured columns
 * @param rejectedMax so many refused rows end the search: the outcomes then end with the last of them
 * @throws whatever `write` throws that is no row's fault
 */
export async function bisect(
  records: readonly MaskedRecord[],
  declared: ReadonlySet<string>,
  write: WriteRecords,
  rejectedMax = Number.POSITIVE_INFINITY,
): Promise<readonly WriteOutcome[]> {
  const outcomes: WriteOutcome[] = [];
  let rejected = 0;
  const search = async (part: readonly MaskedRecord[]): Promise<void> => {
    try {
      for (const outcome of await write(part)) outcomes.push(outcome);
    } catch (error) {
      if (!isRowFault(error, declared)) throw error;
      if (part.length === 1) {
        rejected += 1;
        outcomes.push({ kind: "rejected", rejection: rejectionOf(error, declared) });
        return;
      }
      const middle = part.length >> 1;
      await search(part.slice(0, middle));
      if (rejected < rejectedMax) await search(part.slice(middle));
    }
  };
  await search(records);
  return outcomes;
}

export function isRowFault(error: unknown, declared: ReadonlySet<string>): error is DatabaseFailure {
  if (!(error instanceof DatabaseFailure) || error.fate !== "bisect") return false;
  // NOT NULL on a column that the configuration does not fill would refuse every row: the table is at fault.
  const { facts } = error;
  return facts?.code !== "23502" || facts.column === null || declared.has(facts.column);
}

function rejectionOf({ facts }: DatabaseFailure, declared: ReadonlySet<string>): Rejection {
  const code = facts === null ? undefined : REJECTION_OF_CLASS[facts.code.slice(0, 2)];
  if (code === undefined) throw new Error("every SQLSTATE class that is bisected has a rejection code");
  const column = facts?.column ?? null;
  return { code, path: column !== null && declared.has(column) ? column : null };
}

const REJECTION_OF_CLASS: Readonly<Record<string, RejectionCode>> = {
  "22": "database.value",
  "23": "database.constraint",
  "54": "database.limit",
};
