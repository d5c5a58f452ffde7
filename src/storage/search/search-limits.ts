/** Without an index on a column of tokens the whole table is read: minutes, where other statements take seconds. */
const STATEMENT_TIMEOUT_MS = 900_000;
/** How long the pool must wait for a reply: longer than the server works on one. */
export const SEARCH_REPLY_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 30_000;

export const SEARCH_LIMITS = { statementTimeoutMs: STATEMENT_TIMEOUT_MS, lockTimeoutMs: 10_000 } as const;
