import { expect, it } from "vitest";
import { QuarantineRoom } from "../../src/app/quarantine-room.ts";
import { migratedDatabase, query } from "../support/postgres.ts";

const NEVER = new AbortController().signal;

const database = migratedDatabase();

it("counts what waits of its queue, and what was refused since", async () => {
  // Large enough to be kept beside the table, and well compressible: neither makes it less.
  await query(
    database.url,
    `INSERT INTO piipe.quarantine (source_id, message_id, source, sent_at, reason, attempt, sealed_body, state)
     SELECT source, n::text, 'arn', now(), 'body.empty', 1, CASE WHEN n < 9 THEN decode(repeat('00', 100000), 'hex') END,
       CASE WHEN n < 9 THEN 'pending' ELSE 'discarded' END
     FROM generate_series(0, 9) AS n, (VALUES (7), (8)) AS queue (source)`,
  );
  const room = new QuarantineRoom(database.pool, "7", 1_000_000);
  await room.read(NEVER);
  expect([room.take(80_000), room.take(80_000), room.take(1)]).toEqual([true, false, true]);
  await query(
    database.url,
    "UPDATE piipe.quarantine SET state = 'discarded', sealed_body = NULL WHERE message_id = '0'",
  );
  await room.read(NEVER);
  expect(room.take(150_000)).toBe(true);
  expect(room.take(100_000)).toBe(false);
});
