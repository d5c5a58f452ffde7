import type { Totals } from "../pipeline/totals.ts";

/** Follows the number of duplicates: how many of them were not the event that is stored under their id. */
export const differingOf = ({ differing = 0 }: Pick<Totals, "duplicate" | "differing">): string =>
  differing === 0 ? "" : ` (${differing} with other content than the event stored under their id)`;
