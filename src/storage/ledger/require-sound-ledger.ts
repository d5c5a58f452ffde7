import { PiipeError } from "../../errors.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { readLedger } from "./ledger-maintenance.ts";

/**
 * Refuses a ledger that the server may not count right: messages would be lost or stored twice. Asks nothing of a server on
 * which every ledger is sound.
 * @throws {PiipeError} `database.refused`
 */
export async function requireSoundLedger(pool: PostgresPool): Promise<void> {
  const { claimsInPartitions } = await pool.dialect();
  if (claimsInPartitions || !(await readLedger(pool)).isPartitioned) return;
  throw new PiipeError(
    "database.refused",
    "the ledger is partitioned, and this server has answered INSERT … ON CONFLICT wrongly on partitions",
    {
      hint:
        "Before the first run, make it a plain table: DROP TABLE piipe.ledger; CREATE TABLE piipe.ledger (sent_day date NOT " +
        "NULL, source_id bigint NOT NULL, message_id uuid NOT NULL, PRIMARY KEY (sent_day, source_id, message_id)).",
    },
  );
}
