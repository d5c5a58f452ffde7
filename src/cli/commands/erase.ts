import { ownQueues } from "../../app/own-queues.ts";
import { PiipeError } from "../../errors.ts";
import { isMasked } from "../../mask/column-tokens.ts";
import { whyUnsearchable } from "../../mask/value-tokens.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { AUDIT_RIGHT } from "../../storage/audit.ts";
import { type NeededRight, ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import { type ErasedCounts, eraseTokens } from "../../storage/search/erase-tokens.ts";
import { type Erasable, type OtherRows, findErasable } from "../../storage/search/find-erasable.ts";
import type { StoredTable } from "../../storage/search/stored-columns.ts";
import { confirm, declined, requireConsent } from "../confirm.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { type Search, type SearchOptions, blindSpots, openSearch, tokensOf, withTable } from "../open-search.ts";
import { operatorName } from "../operator-name.ts";
import { counted, reasonOf } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import type { Terminal } from "../terminal.ts";

export interface EraseOptions extends SearchOptions {
  readonly yes: boolean;
}

/** Deletes a value's rows, links and vault entries, and says what of the person remains. Safe to repeat. */
export async function eraseCommand(options: EraseOptions, terminal: Terminal): Promise<ExitCode> {
  requireConsent(options.yes, terminal);
  const search = await openSearch(options, terminal);
  const stop = new AbortController();
  const searched = search.searches.map(({ column }) => column.name);
  const otherColumns = otherTokenColumns(search);
  const columns = [...searched, ...otherColumns, ...(search.user ? [search.user.name] : [])];
  return withTable(search, columns, async (pool, table) => {
    await requireRights(pool, rightsFor(table));
    const queues = await ownQueues(search.config, pool);
    const query = { searches: tokensOf(search.searches), otherColumns, user: search.user, queues };
    const audit = { operator: operatorName(), reason: reasonOf(options.reason) };
    if (!options.yes) {
      const preview = await findErasable(pool, table, query, { ...audit, action: "lookup" });
      terminal.writeError(previewOf(preview, search, table));
      if (!(await confirm("Delete this for ever?", false, terminal))) {
        return declined("Nothing was deleted.", options.json, terminal);
      }
    }
    // Found anew: a question may stand unanswered for long while workers write.
    const found = await findErasable(pool, table, query, { ...audit, action: "erase" });
    terminal.onSignal(() => stop.abort());
    const bar = new ProgressBar(terminal, "rows deleted:");
    let rowsDeleted = 0;
    const erased = await eraseTokens(pool, table, found.searches, {
      otherColumns,
      onProgress(rows) {
        rowsDeleted = rows;
        bar.update(rows, Math.max(rows, found.rows));
      },
      abort: stop.signal,
    })
      .finally(() => {
        if (rowsDeleted > 0) bar.finish(rowsDeleted, Math.max(rowsDeleted, found.rows));
      })
      .catch((error: unknown) => {
        if (stop.signal.aborted) throw stopped(rowsDeleted);
        if (rowsDeleted > 0) terminal.writeError(unfinished(rowsDeleted));
        throw error;
      });
    terminal.writeOut(
      options.json ? `${JSON.stringify(jsonOf(erased, found, search, table))}\n` : textOf(erased, found, search, table),
    );
    return EXIT_CODES.done;
  });
}

/** The row's other tokens may have originals and links of their own. */
function otherTokenColumns({ config, searches }: Search): readonly string[] {
  const searched = new Set(searches.map(({ column }) => column.name));
  return config.columns
    .filter(isMasked)
    .filter((column) => whyUnsearchable(column) === null && !searched.has(column.name))
    .map(({ name }) => name);
}

const stopped = (rows: number): PiipeError =>
  new PiipeError("interrupted", `stopped when ${counted(rows, "row")} had been deleted, for good`, {
    hint: "Run the command again to delete the rest.",
  });

const unfinished = (rows: number): string =>
  `${counted(rows, "row")} had been deleted, for good, when this failed. Run the command again to delete the rest.\n`;

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

function previewOf(
  { searches, doubtfulLinks, rows, links, vault, others }: Erasable,
  search: Search,
  table: StoredTable,
): string {
  const columns = searches.map(({ column }) => column).join(", ");
  return [
    `What the value's tokens in ${columns} lead to:`,
    `  ${counted(rows, "row")} of ${showTable(table.name)}, ${counted(links, "link")}, ${counted(vault, "vault entry", "vault entries")}`,
    ...(hasOthers(others) ? [`  ${showOthers(others, search)} will remain`] : []),
    ...blindSpots(search, doubtfulLinks).map((sentence) => `  ${sentence}`),
    "",
  ].join("\n");
}

const hasOthers = (others: OtherRows | null): others is OtherRows => others !== null && others.rows > 0;

const showOthers = ({ rows, users }: OtherRows, { user }: Search): string =>
  `${counted(rows, "other row")} of the same ${counted(users, "user")} (${user?.name})`;

function jsonOf(erased: ErasedCounts, found: Erasable, search: Search, table: StoredTable): object {
  const { rows, links, vault } = erased;
  return {
    table: showTable(table.name),
    columns: found.searches.map(({ column }) => column),
    deleted: { rows, links, vault },
    remaining: {
      userColumn: search.user?.name ?? null,
      users: found.others?.users ?? null,
      rowsOfSameUsers: found.others?.rows ?? null,
      pendingQuarantine: found.pendingEvents.own,
      pendingQuarantineOfOthers: found.pendingEvents.others,
    },
    unsearched: search.unsearched,
    destroyedVersions: search.destroyedVersions,
    ...(found.doubtfulLinks.length === 0 ? {} : { doubtfulLinks: found.doubtfulLinks }),
  };
}

function textOf({ rows, links, vault }: ErasedCounts, found: Erasable, search: Search, table: StoredTable): string {
  const { others, pendingEvents, doubtfulLinks } = found;
  return [
    rows + links + vault === 0
      ? "Nothing was there to delete."
      : `Deleted ${counted(rows, "row")} of ${showTable(table.name)}, ${counted(links, "link")}, ${counted(vault, "vault entry", "vault entries")}.`,
    "What remains:",
    ...(hasOthers(others)
      ? [`  - ${showOthers(others, search)}: erase by a column that they share, or with SQL.`]
      : []),
    ...(pendingEvents.own === 0
      ? []
      : [
          `  - ${counted(pendingEvents.own, "quarantined event")}, sealed: the value may be in them (\`piipe quarantine\`).`,
        ]),
    ...(pendingEvents.others === 0
      ? []
      : [`  - ${counted(pendingEvents.others, "quarantined event")} of other pipelines, sealed as well.`]),
    "  - Rows of other tables: erase with each pipeline's own configuration.",
    "  - Ids of messages in the ledger, without any value, until they expire.",
    ...(search.config.dedupeBy === null
      ? []
      : ["  - Keyed digests of the rows' business ids (dedupeBy), until they expire."]),
    "  - Deleted rows on disk until VACUUM has run, and in WAL, replicas and backups as long as you keep these.",
    "  - Messages still in the queue, or sent again later: their events would bring the value back.",
    ...blindSpots(search, doubtfulLinks).map((sentence) => `  - ${sentence}`),
    "",
  ].join("\n");
}
