export interface MigrationReport {
  /** Names of the migrations applied now. */
  readonly applied: readonly string[];
  readonly tableCreated: boolean;
}
