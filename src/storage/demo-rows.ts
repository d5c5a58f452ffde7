import type { PostgresPool, Row } from "../postgres/connection.ts";

const ROWS = `
SELECT left(user_id, 8) || '…' AS user_id, device_type, masked_ip, masked_device_id, coalesce(locale, '–') AS locale,
       app_version, create_date
FROM user_logins ORDER BY user_id LIMIT 5`;

const DUPLICATES = `
SELECT column_name AS "column", token, rows AS logins, users FROM piipe.user_logins_duplicates
ORDER BY column_name DESC, rows DESC, token`;

const QUARANTINE = `
SELECT message_id, reason, coalesce(path, '–') AS path, octet_length(sealed_body) || ' bytes, sealed' AS body
FROM piipe.quarantine ORDER BY first_seen`;

/** What the demo landed, as anybody could query it: all of it is masked. */
export interface DemoRows {
  /** Five of them. */
  readonly stored: readonly Row[];
  readonly duplicates: readonly Row[];
  readonly quarantined: readonly Row[];
}

export async function readDemoRows(pool: PostgresPool): Promise<DemoRows> {
  const read = async (text: string): Promise<readonly Row[]> =>
    (await pool.query("reading what was stored", text)).rows;
  return { stored: await read(ROWS), duplicates: await read(DUPLICATES), quarantined: await read(QUARANTINE) };
}
