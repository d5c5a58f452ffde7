import { wordsOf } from "../config/looks-personal.ts";
import type { InferredColumn } from "./column-of.ts";
import type { ExistingColumn } from "./existing-table.ts";

/** Of a moment that is not the event's own: the time of sending would be wrong there. */
const OTHER_MOMENTS: ReadonlySet<string> = new Set(
  "update updated modify modified change changed delete deleted remove removed expire expires expired expiry end ended close closed finish finished birth due valid until last processed start started".split(
    " ",
  ),
);
/** Of the moment at which the event came into being. */
const EVENT_MOMENTS: ReadonlySet<string> = new Set(
  "create created creation sent send event occurred logged recorded inserted ingested received login ts timestamp".split(
    " ",
  ),
);

/**
 * The columns that get the time at which the message was sent: those that no field fits, that have no default, and whose
 * name speaks of the event's own moment, or the only one that is left.
 * @param unmatched the columns of the table that no field fits
 */
export function timeColumns(unmatched: readonly ExistingColumn[]): ReadonlyMap<ExistingColumn, InferredColumn> {
  const times = unmatched.filter(({ isFilled, time, name }) => {
    return !isFilled && time !== null && !hasWord(name, OTHER_MOMENTS);
  });
  const chosen = times.length === 1 ? times : times.filter(({ name }) => hasWord(name, EVENT_MOMENTS));
  return new Map(chosen.map((real) => [real, sentAt(real)]));
}

const hasWord = (name: string, words: ReadonlySet<string>): boolean => wordsOf(name).some((word) => words.has(word));

const sentAt = ({ name, time }: ExistingColumn): InferredColumn => ({
  name,
  from: "@sent_at",
  type: time ?? "timestamp",
  mask: null,
  nullable: false,
  reasons: [],
  notes: ["no field fits: the time at which the message was sent, the same at each replay"],
});
