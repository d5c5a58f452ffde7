import { expect, it } from "vitest";
import { PendingEvents } from "../../src/storage/quarantine/pending-events.ts";
import { migratedDatabase, query } from "../support/postgres.ts";

const NEVER = new AbortController().signal;

const database = migratedDatabase();

it("reads pages of no more bytes than asked for, those of attributes among them, and what is larger alone", async () => {
  await query(
    database.url,
    `INSERT INTO piipe.quarantine (source_id, message_id, source, sent_at, reason, attempt, sealed_body, sealed_metadata)
     SELECT 7, n::text, 'arn', now(), 'body.empty', 1, decode(repeat('00', 100), 'hex'),
       CASE WHEN n > 1 THEN decode(repeat('00', n * 100), 'hex') END
     FROM generate_series(0, 5) AS n`,
  );
  const choice = {
    queue: { sourceId: "7", arn: "arn" },
    ids: null,
    code: null,
    untilFirstSeen: "infinity",
  };
  const events = new PendingEvents(database.pool, choice, { eventsMax: 10, bytesMax: 500 });
  const pages: string[][] = [];
  for (let page = await events.next(NEVER); page.length > 0; page = await events.next(NEVER)) {
    pages.push(page.map(({ id }) => id));
  }
  expect(pages).toEqual([["0", "1", "2"], ["3"], ["4"], ["5"]]);
});
