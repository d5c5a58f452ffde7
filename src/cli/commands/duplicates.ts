import { resolve } from "node:path";
import { withDatabase } from "../../app/open-database.ts";
import { type ChosenColumns, chooseColumns } from "../../app/search/choose-duplicate-columns.ts";
import { type ColumnFindings, NO_TOKEN, type ShownValue, findDuplicates } from "../../app/search/find-duplicates.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { resolveTable } from "../../storage/search/duplicates.ts";
import { SEARCH_REPLY_TIMEOUT_MS } from "../../storage/search/stored-columns.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { charsMaxOf, counted, textTable } from "../output.ts";
import { type Terminal, styler } from "../terminal.ts";

export interface DuplicatesOptions {
  readonly config: string;
  /** null: all masked columns that can have duplicates. */
  readonly column: string | null;
  readonly rowsMin: number;
  /** null: as the configuration suggests. */
  readonly user: string | null;
  readonly time: string | null;
  readonly limit: number;
  readonly json: boolean;
}

/** Lists values that occur for more than one user or many times. Shows tokens only: whose they are stays hidden. */
export async function duplicatesCommand(options: DuplicatesOptions, terminal: Terminal): Promise<ExitCode> {
  const config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
  const chosen = chooseColumns(config, options);
  const found = await withDatabase(config, (pool) => findInAll(pool, chosen, options, terminal), {
    replyTimeoutMs: SEARCH_REPLY_TIMEOUT_MS,
  });
  const isSole = config.tables.length === 1;
  terminal.writeOut(
    options.json ? `${JSON.stringify(jsonOf(found, isSole, options))}\n` : textOf(found, options, terminal),
  );
  return EXIT_CODES.done;
}

async function findInAll(
  pool: PostgresPool,
  chosen: readonly ChosenColumns[],
  { rowsMin, limit }: DuplicatesOptions,
  terminal: Terminal,
): Promise<readonly TableFindings[]> {
  const found: TableFindings[] = [];
  for (const columns of chosen) {
    if (columns.masked.length === 0) continue;
    const table = await resolveTable(pool, columns.table.name);
    const findings: ColumnFindings[] = [];
    for (const placed of columns.masked) {
      if (terminal.isInteractive) terminal.writeError(counting(placed.shown, terminal));
      findings.push(await findDuplicates(pool, placed, columns, { table, rowsMin, limit }));
    }
    found.push({ table: showTable(table), findings, chosen: columns });
  }
  return found;
}

/** Of one table. */
interface TableFindings {
  readonly table: string;
  readonly findings: readonly ColumnFindings[];
  readonly chosen: ChosenColumns;
}

function counting(column: string, { environment }: Terminal): string {
  return `${styler(true, environment)("dim", `· reading ${column} …`)}\n`;
}

function jsonOf(tables: readonly TableFindings[], isSole: boolean, { rowsMin, limit }: DuplicatesOptions): object {
  const [only] = tables;
  // The limit is of the values that are listed; the counts are of all.
  const query = { min: rowsMin, limit };
  if (!isSole || only === undefined) {
    return { ...query, tables: tables.map((found) => ({ table: found.table, ...foundIn(found) })) };
  }
  return { table: only.table, ...query, ...foundIn(only) };
}

const foundIn = ({ findings, chosen }: TableFindings): object => ({
  userColumn: chosen.user?.name ?? null,
  timeColumn: chosen.time?.name ?? null,
  columns: findings.map(({ column, values, valuesFound, rowsFound }) => ({
    column,
    valuesFound,
    rowsFound,
    cutByLimit: valuesFound - values.length,
    values,
  })),
});

function textOf(tables: readonly TableFindings[], { rowsMin, limit }: DuplicatesOptions, terminal: Terminal): string {
  const style = styler(terminal.outIsTerminal, terminal.environment);
  const sections = tables.flatMap(({ findings, chosen }) =>
    findings.map(({ column, values, valuesFound, rowsFound }) => {
      if (valuesFound === 0) return `${style("bold", column)}: no duplicates\n`;
      const cut = valuesFound - values.length;
      return (
        `${style("bold", column)}: ${counted(valuesFound, "value")} in ${counted(rowsFound, "row")}\n` +
        `${textTable(
          values.map((value) => cellsOf(value, chosen)),
          { charsMax: charsMaxOf(terminal), droppable: ["first seen", "last seen"] },
        )}\n` +
        (cut === 0 ? "" : `  … and ${cut} more, cut by --limit ${limit}\n`)
      );
    }),
  );
  const users = [...new Set(tables.flatMap(({ chosen }) => chosen.user?.name ?? []))].join(" or ");
  const ofSeveral = users === "" ? "" : `for more than one ${users} or `;
  const findings = tables.flatMap((table) => table.findings);
  const total = findings.reduce((sum, { valuesFound }) => sum + valuesFound, 0);
  const columns = counted(findings.length, "column");
  const names = tables.map(({ table }) => table).join(", ");
  return `${sections.join("\n")}\nTotal: ${counted(total, "value")} in ${columns} of ${names} that occur ${ofSeveral}at least ${rowsMin} times\n`;
}

function cellsOf(value: ShownValue, { user, time }: ChosenColumns): Record<string, string> {
  return {
    token: value.token ?? NO_TOKEN,
    rows: String(value.rows),
    ...(user === null ? {} : { users: String(value.users) }),
    ...(time === null ? {} : { "first seen": value.firstSeen ?? "–", "last seen": value.lastSeen ?? "–" }),
  };
}
