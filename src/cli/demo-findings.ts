import { openDatabase } from "../app/open-database.ts";
import type { Config } from "../config/config.ts";
import { styler, type Terminal } from "./terminal.ts";
import { textTable } from "./text-table.ts";

const TOKEN_SHOWN_CHARS = 14;

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

/** Shows what the demo landed, as anybody could query it: all of it is masked. */
export async function printFindings(
  config: Config,
  summary: { readonly stored: number },
  isServing: boolean,
  terminal: Terminal,
): Promise<void> {
  const pool = openDatabase(config);
  try {
    const style = styler(terminal.outIsTerminal, terminal.environment);
    const section = async (title: string, query: string): Promise<void> => {
      const { rows } = await pool.query("reading what was stored", query);
      const shown = rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shortened(value ?? "")])),
      );
      terminal.writeOut(`\n${style("bold", title)}\n${textTable(shown)}\n`);
    };
    await section(`Masked rows in user_logins (5 of ${summary.stored})`, ROWS);
    await section("Duplicates, still visible behind the mask", DUPLICATES);
    await section("Quarantined: refused, with the reason; the body is encrypted", QUARANTINE);
    if (isServing) return;
    terminal.writeOut(
      `\n${style("bold", "Next")}\n` +
        "  1. Look around in the database and send events of your own:  npx piipe demo --serve\n" +
        "  2. Point piipe at your AWS queue:  README.md, “Your own queue and table”\n" +
        "  3. Read what is promised, and which test proves it:  docs/guarantees.md\n",
    );
  } finally {
    await pool.close();
  }
}

function shortened(value: string): string {
  return /^h\d+_/.test(value) ? `${value.slice(0, TOKEN_SHOWN_CHARS)}…` : value;
}
