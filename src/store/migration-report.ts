export interface MigrationReport {
  /** Names of the migrations applied now. */
  readonly applied: readonly string[];
  readonly tableCreated: boolean;
  /** The view of duplicates that was created or changed now, such as `piipe.user_logins_duplicates`, or null. */
  readonly viewChanged: string | null;
  /** What could not be done and stops nothing, as sentences. */
  readonly warnings: readonly string[];
}
