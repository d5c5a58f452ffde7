import { PiipeError } from "../../errors.ts";
import { maskedOf, placeOf } from "../../mask/column-tokens.ts";
import { whyUnsearchable } from "../../mask/value-tokens.ts";
import type { TokenPlace } from "../../pipeline/contracts.ts";
import { AUDIT_RIGHT, type AuditEntry } from "../../storage/audit.ts";
import { type NeededRight, ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import { type ErasedCounts, eraseTokens } from "../../storage/search/erase-tokens.ts";
import { type Erasable, findErasable } from "../../storage/search/find-erasable.ts";
import type { StoredTable } from "../../storage/search/stored-columns.ts";
import { soleTable } from "../configured-tables.ts";
import { ownQueues } from "../own-queues.ts";
import { type Search, tokensOf, withTable } from "./open-search.ts";

export interface EraseRequest {
  readonly audit: Pick<AuditEntry, "operator" | "reason">;
  /** Asked with what would be deleted; false: nothing is. null: nobody is asked. */
  readonly confirm: ((preview: Erasable, table: StoredTable) => Promise<boolean>) | null;
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
  readonly table: StoredTable;
}

/**
 * Deletes a value's rows, links and vault entries, and finds what of the person remains. Safe to repeat.
 * @returns null: `confirm` said no
 * @throws {PiipeError} `interrupted` when `abort` fired; `database.*`, `keys.*`
 */
export async function eraseValue(
  search: Search,
  { audit, confirm, watch, abort }: EraseRequest,
): Promise<Erasure | null> {
  const places = tokenPlaces(search);
  const columns = [...places.map(({ column }) => column), ...(search.user ? [search.user.name] : [])];
  return withTable(search, columns, async (pool, table) => {
    await requireRights(pool, rightsFor(table));
    const queues = await ownQueues(search.config, pool);
    const query = { searches: tokensOf(search.searches), places, user: search.user, queues };
    if (confirm !== null) {
      const preview = await findErasable(pool, table, query, { ...audit, action: "lookup" });
      if (!(await confirm(preview, table))) return null;
    }
    // Found anew: a question may stand unanswered for long while workers write.
    const found = await findErasable(pool, table, query, { ...audit, action: "erase" });
    const watching = watch(found);
    const deleted = { rows: 0 };
    const onProgress = (rows: number): void => {
      deleted.rows = rows;
      watching.update(rows);
    };
    try {
      const erased = await eraseTokens(pool, table, found.searches, { places, onProgress, abort });
      return { erased, found, table };
    } catch (error) {
      throw abort.aborted ? stopped(deleted.rows) : error;
    } finally {
      watching.end();
    }
  });
}

/** All of the table's: the other tokens of a row may have originals and links of their own. */
const tokenPlaces = ({ config }: Search): readonly TokenPlace[] =>
  maskedOf(soleTable(config).columns)
    .filter((column) => whyUnsearchable(column) === null)
    .map(placeOf);

const stopped = (rows: number): PiipeError =>
  new PiipeError("interrupted", `stopped when ${rows} ${rows === 1 ? "row" : "rows"} had been deleted, for good`, {
    hint: "Run the command again to delete the rest.",
  });

function rightsFor(table: StoredTable): readonly NeededRight[] {
  const both = [table.name, ownTable("key_links"), ownTable("vault")];
  return [
    ...both.flatMap((of) => [
      { table: of, right: "SELECT" as const },
      { table: of, right: "DELETE" as const },
    ]),
    { table: ownTable("quarantine"), right: "SELECT" },
    AUDIT_RIGHT,
  ];
}
