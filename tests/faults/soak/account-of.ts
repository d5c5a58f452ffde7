import { query } from "../../support/postgres.ts";
import { type SoakEvents, STORED_ROWS, STORED_TOKENS } from "./soak-events.ts";
import type { SoakReport } from "./soak-report.ts";

type Account = Pick<SoakReport, "sent" | "stored" | "quarantined" | "lost" | "duplicateRows" | "unexpected">;

/** Compares what was sent with what the database holds, row by row. */
export async function accountOf(events: SoakEvents, databaseUrl: string): Promise<Account> {
  const rows = await query<{ user_id: string; text: string }>(databaseUrl, STORED_ROWS);
  const [tokens] = await query<{ addresses: number; devices: number }>(databaseUrl, STORED_TOKENS);
  const [held] = await query<{ fitting: number; others: number }>(
    databaseUrl,
    `SELECT count(*) FILTER (WHERE reason = 'field.type' AND path = 'device_id')::integer AS fitting,
            count(*) FILTER (WHERE reason <> 'field.type' OR path <> 'device_id')::integer AS others
     FROM piipe.quarantine`,
  );
  const seen = new Set<string>();
  let duplicateRows = 0;
  let unexpected = (held?.others ?? 0) + Math.max(0, (held?.fitting ?? 0) - events.bad);
  for (const { user_id: user, text } of rows) {
    if (events.expected.get(user) !== text) unexpected += 1;
    else if (seen.has(user)) duplicateRows += 1;
    seen.add(user);
  }
  const { addresses, devices } = events.distinct;
  if (tokens?.addresses !== addresses) unexpected += 1;
  if (tokens?.devices !== devices) unexpected += 1;
  const lostRows = [...events.expected.keys()].filter((user) => !seen.has(user)).length;
  return {
    sent: events.sent,
    stored: rows.length,
    quarantined: held?.fitting ?? 0,
    lost: lostRows + Math.max(0, events.bad - (held?.fitting ?? 0)),
    duplicateRows,
    unexpected,
  };
}
