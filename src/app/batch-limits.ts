import { type BatchConfig, type Config, columnsOf } from "../config/config.ts";
import { maskedOf } from "../mask/column-tokens.ts";
import type { Dialect } from "../postgres/dialect.ts";

/** Half of what a transaction may change: what is stored is larger than its message where tokens and indexes are. */
const SHARE_OF_BYTES = 0.5;

/**
 * The batch's limits, lowered to what one transaction may change. An event that changes more rows than counted here makes the
 * batch be halved, which costs time only.
 */
export function batchLimits(config: Config, { transactionMax }: Dialect): Pick<BatchConfig, "rows" | "bytes"> {
  const { rows, bytes } = config.batch;
  if (transactionMax === null) return { rows, bytes };
  const originals = maskedOf(columnsOf(config)).filter(({ reveal }) => reveal).length;
  const rowsOfEvent = 1 + config.tables.length + (config.dedupeBy === null ? 0 : 1) + originals;
  return {
    rows: Math.min(rows, Math.floor(transactionMax.rows / rowsOfEvent)),
    bytes: Math.min(bytes, transactionMax.bytes * SHARE_OF_BYTES),
  };
}
