/** What the outcome of a batch and all sums of them tell beside the usual counts. Each is left out while there is none. */
export const RARE_COUNTS = ["dropped", "inserted", "updated", "ignored"] as const;

export interface RareCounts {
  /** Events without a row, as no table takes them (`unmatched: drop`): deleted. */
  dropped?: number;
  /** Rows of tables with `onConflict` that were new there. */
  inserted?: number;
  /** The same, which were written over a stored one. */
  updated?: number;
  /** The same, which were not written: what the table or the batch has with their key stays. */
  ignored?: number;
}

export function addRareCounts(sum: RareCounts, more: Readonly<RareCounts>): void {
  for (const name of RARE_COUNTS) {
    const count = more[name] ?? 0;
    if (count > 0) sum[name] = (sum[name] ?? 0) + count;
  }
}

/** Of anything that has them: these alone. */
export function rareCountsOf(counts: Readonly<RareCounts>): RareCounts {
  const rare: RareCounts = {};
  addRareCounts(rare, counts);
  return rare;
}
