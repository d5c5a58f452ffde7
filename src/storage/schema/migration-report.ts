export interface MigrationReport {
  /** Names of the migrations applied now. */
  readonly applied: readonly string[];
  readonly tableCreated: boolean;
  /** The view of duplicates that was created or changed now, such as `piipe.user_logins_duplicates`, or null. */
  readonly viewChanged: string | null;
  /** Partitions of the ledger made and dropped now, and expired ids deleted. */
  readonly ledger: { readonly created: number; readonly dropped: number; readonly pruned: number };
  /** What could not be done and stops nothing, as sentences. */
  readonly warnings: readonly string[];
}
