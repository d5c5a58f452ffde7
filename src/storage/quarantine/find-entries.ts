import { PiipeError } from "../../errors.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import {
  ENTRY_COLUMNS,
  OF_QUEUES,
  type QuarantinedQueue,
  type QuarantineEntry,
  READING,
  sourceIds,
  toEntry,
} from "./quarantine.ts";

/** A shorter beginning of an id soon fits another message as well. */
const PREFIX_CHARS_MIN = 8;
/** Ids named in an error. */
const IDS_SHOWN_MAX = 3;

const FIND = `
SELECT ${ENTRY_COLUMNS} FROM piipe.quarantine
WHERE ${OF_QUEUES} AND message_id IN (SELECT json_array_elements_text($2::json))
ORDER BY message_id`;

/** The ids that begin with a text: how many, and one of them. */
const COMPLETE = `
SELECT wanted.beginning, count(DISTINCT entry.message_id) AS ids, min(entry.message_id) AS message_id
FROM json_array_elements_text($2::json) AS wanted (beginning)
JOIN piipe.quarantine AS entry ON left(entry.message_id, length(wanted.beginning)) = wanted.beginning
WHERE ${OF_QUEUES}
GROUP BY wanted.beginning`;

/**
 * The entries of ids, whatever their state. An id may be cut after eight characters as long as it fits one entry.
 * @throws {PiipeError} `usage.invalid` when an id fits none, or several
 */
export async function findEntries(
  pool: PostgresPool,
  queues: readonly QuarantinedQueue[],
  ids: readonly string[],
): Promise<readonly QuarantineEntry[]> {
  const find = async (whole: Iterable<string>): Promise<readonly QuarantineEntry[]> => {
    const { rows } = await pool.query(READING, FIND, [sourceIds(queues), JSON.stringify([...whole])]);
    return rows.map(toEntry);
  };
  const found = await find(ids);
  const known = new Set(found.map(({ id }) => id));
  const rest = ids.filter((id) => !known.has(id));
  if (rest.length === 0) return found;

  const beginnings = rest.filter((id) => id.length >= PREFIX_CHARS_MIN);
  const { rows } = await pool.query(READING, COMPLETE, [sourceIds(queues), JSON.stringify(beginnings)]);
  const completed = new Map(rows.map((row) => [row["beginning"], row]));
  const unknown = rest.filter((id) => !completed.has(id));
  if (unknown.length > 0) throw noSuchEvent(unknown);
  const ambiguous = rows.find((row) => row["ids"] !== "1");
  if (ambiguous) {
    throw new PiipeError("usage.invalid", `${ambiguous["ids"]} ids begin with ${ambiguous["beginning"]}`, {
      hint: "Give more of the id that is meant.",
    });
  }
  const more = await find(rows.map((row) => row["message_id"] ?? "").filter((id) => !known.has(id)));
  return [...found, ...more];
}

function noSuchEvent(ids: readonly string[]): PiipeError {
  const shown = ids.slice(0, IDS_SHOWN_MAX).join(", ");
  const others = ids.length > IDS_SHOWN_MAX ? ` and ${ids.length - IDS_SHOWN_MAX} more` : "";
  return new PiipeError("usage.invalid", `no event of this queue in the quarantine has the id ${shown}${others}`, {
    hint:
      "`piipe quarantine list --state all` shows the ids; at least their first eight characters are needed. Events of " +
      "another queue need the configuration of its own pipeline.",
  });
}
