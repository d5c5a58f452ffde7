import { PiipeError } from "../errors.ts";
import type { RefusalGuard } from "./refusal-guard.ts";

/** Why the run halts when too many events do not fit the columns. */
export function eventsBeyondLimit(guard: RefusalGuard): PiipeError {
  const { refused, events } = guard.recent;
  return new PiipeError("data.beyond-limit", `halted: ${refused} of the last ${events} events were refused`, {
    hint:
      "A whole queue that does not fit its columns is rarely bad data: compare the configured columns with real " +
      `events (\`piipe mask < events.ndjson\` names code and path of each refusal). ${REMAINDER}`,
  });
}

/** Why the run halts when the table refuses too many rows. */
export function rowsBeyondLimit(guard: RefusalGuard): PiipeError {
  const { refused, events } = guard.recent;
  return new PiipeError("data.beyond-limit", `halted: PostgreSQL refused ${refused} of the last ${events} rows`, {
    hint:
      "A table that takes hardly any row is rarely bad data: compare its constraints and triggers with real events " +
      `(the log names code, columns and constraint of refused rows). ${REMAINDER}`,
  });
}

/** Why the run halts when the table takes none of the rows that come, and would take an earlier one. */
export function rowsUnlikeEarlier(refused: number): PiipeError {
  return new PiipeError(
    "data.beyond-limit",
    `halted: PostgreSQL refused each of ${refused} rows, and would take one that was stored before`,
    {
      hint:
        "Compare the table's triggers, policies and partitions with the events that come now (the log names code, " +
        `columns and constraint of refused rows). ${REMAINDER}`,
    },
  );
}

const REMAINDER =
  "What was not written stays in the queue. `quarantine.haltAboveShare` sets the limit, and with 1 there is none.";

/** Why the run of a FIFO queue halts when the quarantine takes no more. */
export function quarantineFull(): PiipeError {
  return new PiipeError(
    "data.beyond-limit",
    "halted: the quarantine is full, and a FIFO queue's order forbids to go on",
    {
      hint:
        "`piipe quarantine list` shows what waits. Mend the cause, then `piipe quarantine replay`, or `piipe quarantine " +
        "discard`; start again after that. What was not written stays in the queue.",
    },
  );
}
