/** Keys of PostgreSQL's advisory locks, which all programs on a database share: `piip` in ASCII, then a number. */
const PIIPE = 0x7069_6970;

export const MIGRATION_LOCK = `${PIIPE}, 1`;
export const LEDGER_MAINTENANCE_LOCK = `${PIIPE}, 2`;
export const DUPLICATES_VIEW_LOCK = `${PIIPE}, 3`;
export const ERASURE_LOCK = `${PIIPE}, 4`;
