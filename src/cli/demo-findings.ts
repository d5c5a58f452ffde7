import { openDatabase } from "../app/open-database.ts";
import type { Config } from "../config/config.ts";
import type { Row } from "../postgres/connection.ts";
import { readDemoRows } from "../storage/demo-rows.ts";
import { textTable } from "./output.ts";
import { type Terminal, styler } from "./terminal.ts";

const TOKEN_SHOWN_CHARS = 14;

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
    const section = (title: string, rows: readonly Row[]): void => {
      const shown = rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shortened(value ?? "")])),
      );
      terminal.writeOut(`\n${style("bold", title)}\n${textTable(shown)}\n`);
    };
    const { stored, duplicates, quarantined } = await readDemoRows(pool);
    section(`Masked rows in user_logins (${stored.length} of ${summary.stored})`, stored);
    section("Duplicates, still visible behind the mask", duplicates);
    section("Quarantined: refused, with the reason; the body is encrypted", quarantined);
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
