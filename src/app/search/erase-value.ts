import { PiipeError } from "../../errors.ts";
import { maskedOf, placeOf } from "../../mask/column-tokens.ts";
import { whyUnsearchable } from "../../mask/value-tokens.ts";
import type { TokenPlace } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { readForeignKeys } from "../../postgres/foreign-keys.ts";
import { quoteIdentifier, quoteTable, showTable } from "../../postgres/identifiers.ts";
import { AUDIT_RIGHT, type AuditEntry } from "../../storage/audit.ts";
import { type NeededRight, ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import { canGo } from "../../storage/search/erase-plan.ts";
import { type ErasedCounts, eraseTokens } from "../../storage/search/erase-tokens.ts";
import { type Erasable, type ErasableTable, findErasable } from "../../storage/search/find-erasable.ts";
import { readTargetTable } from "../../write/target-table.ts";
import { ownQueues } from "../own-queues.ts";
import { placeIn, placedColumns } from "../placed-columns.ts";
import { type OpenedTable, type Search, type SearchedTable, tokensOf, withTables } from "./open-search.ts";

export interface EraseRequest {
  /** The rows stay, with NULL in all that is masked in them. */
  readonly setsNull: boolean;
  readonly audit: Pick<AuditEntry, "operator" | "reason">;
  /** Asked with what would be deleted; false: nothing is. null: nobody is asked. */
  readonly confirm: ((preview: Erasable) => Promise<boolean>) | null;
  /** Called when the deletion begins. */
  readonly watch: (found: Erasable) => EraseWatch;
  /** Ends the deletion: what is deleted by then is deleted for good. */
  readonly abort: AbortSignal;
}

export interface EraseWatch {
  /** @param rows deleted so far */
  readonly update: (rows: number) => void;
  /** Called once, also when it failed. */
  readonly end: () => void;
}

export interface Erasure {
  readonly erased: ErasedCounts;
  readonly found: Erasable;
}

/**
 * Deletes a value's rows, in all tables and with the rows of others that foreign keys tie to them, its links and vault entries,
 * and finds what of the person remains. Safe to repeat.
 * @returns null: `confirm` said no
 * @throws {PiipeError} `interrupted` when `abort` fired; `database.*`, `keys.*`
 */
export async function eraseValue(
  search: Search,
  { setsNull, audit, confirm, watch, abort }: EraseRequest,
): Promise<Erasure | null> {
  return withTables(search, search.tables, columnsIn(setsNull), async (pool, opened) => {
    const tables = opened.map((table) => erasable(search, table, setsNull));
    const foreignKeys = await readForeignKeys(
      pool,
      tables.map(({ table }) => table.name),
    );
    const goes = tables.map((_, at) => canGo({ tables, foreignKeys }, at));
    await requireRights(pool, [...tables.flatMap((table, at) => rightsOn(table, goes[at] === true)), ...OWN_RIGHTS]);
    if (setsNull)
      await requireNullable(
        pool,
        tables.filter((_, at) => goes[at] === true),
      );
    const queues = await ownQueues(search.config, pool);
    const query = { tables, foreignKeys, queues };
    if (confirm !== null) {
      const preview = await findErasable(pool, query, { ...audit, action: "lookup" });
      if (!(await confirm(preview))) return null;
    }
    // Found anew: a question may stand unanswered for long while workers write.
    const found = await findErasable(pool, query, { ...audit, action: "erase" });
    const watching = watch(found);
    const deleted = { rows: 0 };
    const onProgress = (rows: number): void => {
      deleted.rows = rows;
      watching.update(rows);
    };
    try {
      const erased = await eraseTokens(pool, found.plan, { onProgress, abort });
      return { erased, found };
    } catch (error) {
      throw abort.aborted ? stopped(deleted.rows, setsNull) : error;
    } finally {
      watching.end();
    }
  });
}

function erasable(
  { config }: Search,
  { table, stored, searches, user }: OpenedTable,
  setsNull: boolean,
): ErasableTable {
  const masked = placedColumns(config, maskedOf).filter((placed) => placed.table === table);
  return {
    table: stored,
    searches: tokensOf(searches),
    // All of the table's: the other tokens of a row may have originals and links of their own.
    places: masked.filter(({ column }) => whyUnsearchable(column) === null).map(placeIn),
    user,
    nulled: setsNull ? masked.map(placeIn) : null,
  };
}

const columnsIn =
  (setsNull: boolean) =>
  ({ table, user }: SearchedTable): readonly string[] => [
    ...maskedOf(table.columns)
      .filter((column) => setsNull || whyUnsearchable(column) === null)
      .map((column) => placeOf(column).column),
    ...(user === null ? [] : [user.name]),
  ];

const stopped = (rows: number, setsNull: boolean): PiipeError =>
  new PiipeError(
    "interrupted",
    `stopped when ${rows} ${rows === 1 ? "row" : "rows"} had been ${setsNull ? "set to NULL" : "deleted"}, for good`,
    { hint: "Run the command again to do the rest." },
  );

/** @param goes rows of the table may be erased */
function rightsOn({ table, places, user, nulled }: ErasableTable, goes: boolean): readonly NeededRight[] {
  const needed: NeededRight[] = [];
  if (goes || places.length > 0 || user !== null) needed.push({ table: table.name, right: "SELECT" });
  if (goes && nulled === null) needed.push({ table: table.name, right: "DELETE" });
  if (goes && nulled !== null && nulled.length > 0) {
    needed.push({ table: table.name, right: "UPDATE", columns: columnsOf(nulled) });
  }
  return needed;
}

const OWN_RIGHTS: readonly NeededRight[] = [
  ...["key_links", "vault"].flatMap((name) => [
    { table: ownTable(name), right: "SELECT" as const },
    { table: ownTable(name), right: "DELETE" as const },
  ]),
  { table: ownTable("quarantine"), right: "SELECT" },
  AUDIT_RIGHT,
];

const columnsOf = (places: readonly TokenPlace[]): readonly string[] => [
  ...new Set(places.map(({ column }) => column)),
];

/** @throws {PiipeError} `database.table-mismatch`, naming every column that cannot be NULL, before anything is changed */
async function requireNullable(pool: PostgresPool, tables: readonly ErasableTable[]): Promise<void> {
  const stiff: string[] = [];
  const remedies: string[] = [];
  for (const { table, nulled } of tables) {
    if (nulled === null || nulled.length === 0) continue;
    if (table.key.length === 0) {
      throw new PiipeError(
        "usage.invalid",
        `${showTable(table.name)} is a view, or has no key: its rows cannot be set to NULL in parts`,
        {
          hint: "Name the table behind it in the configuration, or erase without --set-null.",
        },
      );
    }
    const { columns } = await readTargetTable(pool, table.name);
    const whole = new Set(nulled.flatMap(({ column, path }) => (path === null ? [column] : [])));
    for (const { name } of columns.filter((real) => real.notNull && whole.has(real.name))) {
      stiff.push(`${name} of ${showTable(table.name)}`);
      remedies.push(`ALTER TABLE ${quoteTable(table.name)} ALTER COLUMN ${quoteIdentifier(name)} DROP NOT NULL`);
    }
  }
  if (stiff.length === 0) return;
  throw new PiipeError(
    "database.table-mismatch",
    `nothing was changed: --set-null cannot set ${stiff.join(", ")} to NULL, which ${stiff.length === 1 ? "is" : "are"} NOT NULL`,
    { hint: `Allow it with ${remedies.join("; ")}, or erase without --set-null, which deletes the rows.` },
  );
}
