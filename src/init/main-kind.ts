import type { JsonObject } from "./collect-fields.ts";

export interface MainKind {
  readonly events: readonly JsonObject[];
  /** Events that share too few fields with the others to be of their kind. */
  readonly others: number;
}

/**
 * Puts events of another kind aside: a stray one would make every column nullable. The common fields are those of at least
 * half of the events; an event of the main kind has at least half of them.
 */
export function mainKindOf(events: readonly JsonObject[]): MainKind {
  const counts = new Map<string, number>();
  for (const event of events) for (const key of Object.keys(event)) counts.set(key, (counts.get(key) ?? 0) + 1);
  const common = [...counts].filter(([, count]) => count * 2 >= events.length).map(([key]) => key);
  const main = events.filter((event) => {
    const own = common.filter((key) => Object.hasOwn(event, key)).length;
    return own > 0 && own * 2 >= common.length;
  });
  return { events: main, others: events.length - main.length };
}
