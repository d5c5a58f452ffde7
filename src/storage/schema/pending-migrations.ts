import { PiipeError } from "../../errors.ts";
import type { StatementResult } from "../../postgres/connection.ts";
import type { Migration } from "./migration-files.ts";

type Run = (text: string) => Promise<StatementResult>;

/**
 * The migrations that the database lacks.
 * @throws {PiipeError} `database.not-migrated` when the database has others than this version of piipe knows
 */
export async function pendingMigrations(run: Run, known: readonly Migration[]): Promise<readonly Migration[]> {
  const { rows: found } = await run("SELECT to_regclass('piipe.migrations')::text AS migrations");
  if (typeof found[0]?.["migrations"] !== "string") return known;
  const { rows } = await run("SELECT number, name, checksum FROM piipe.migrations ORDER BY number");
  const applied = new Map(rows.map((row) => [Number(row["number"]), row["checksum"]]));
  const newest = Math.max(0, ...applied.keys());
  const newestKnown = Math.max(0, ...known.map(({ number }) => number));
  if (newest > newestKnown) {
    throw new PiipeError(
      "database.not-migrated",
      `piipe's tables are at migration ${newest}, and this version of piipe knows ${newestKnown}`,
      { hint: "Run a version of piipe at least as new as the one that migrated the database." },
    );
  }
  for (const { number, name, checksum } of known) {
    if (applied.has(number) && applied.get(number) !== checksum) {
      throw new PiipeError("database.not-migrated", `the migration ${name} is another than the one that was applied`, {
        hint: "Install an unaltered release of piipe: a migration never changes once it is released.",
      });
    }
  }
  return known.filter(({ number }) => !applied.has(number));
}
