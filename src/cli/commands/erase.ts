import { type EraseWatch, eraseValue } from "../../app/search/erase-value.ts";
import type { Search } from "../../app/search/open-search.ts";
import { showTable } from "../../postgres/identifiers.ts";
import type { ErasedCounts } from "../../storage/search/erase-tokens.ts";
import type { Erasable, OtherRows } from "../../storage/search/find-erasable.ts";
import type { StoredTable } from "../../storage/search/stored-columns.ts";
import { confirm, declined, requireConsent } from "../confirm.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { counted } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { type SearchOptions, auditOf, blindSpots, searchValue } from "../search-value.ts";
import type { Terminal } from "../terminal.ts";

export interface EraseOptions extends SearchOptions {
  readonly yes: boolean;
}

/** Deletes a value's rows, links and vault entries, and says what of the person remains. Safe to repeat. */
export async function eraseCommand(options: EraseOptions, terminal: Terminal): Promise<ExitCode> {
  requireConsent(options.yes, terminal);
  const search = await searchValue(options, terminal);
  const progress = new EraseProgress(terminal);
  const erasure = await eraseValue(search, {
    audit: auditOf(options),
    confirm: options.yes
      ? null
      : (preview, table) => {
          terminal.writeError(previewOf(preview, search, table));
          return confirm("Delete this for ever?", false, terminal);
        },
    watch: (found) => progress.begin(found),
    abort: progress.abort,
  }).catch((error: unknown) => {
    if (progress.rows > 0 && !progress.abort.aborted) terminal.writeError(unfinished(progress.rows));
    throw error;
  });
  if (erasure === null) return declined("Nothing was deleted.", options.json, terminal);
  const { erased, found, table } = erasure;
  terminal.writeOut(
    options.json ? `${JSON.stringify(jsonOf(erased, found, search, table))}\n` : textOf(erased, found, search, table),
  );
  return EXIT_CODES.done;
}

/** Shows how far the deletion has come, and ends it at a signal: before it, a signal ends the process. */
class EraseProgress {
  readonly #terminal: Terminal;
  readonly #stop = new AbortController();
  /** Deleted so far. */
  rows = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get abort(): AbortSignal {
    return this.#stop.signal;
  }

  begin({ rows: found }: Erasable): EraseWatch {
    this.#terminal.onSignal(() => this.#stop.abort());
    const bar = new ProgressBar(this.#terminal, "rows deleted:");
    return {
      update: (rows) => {
        this.rows = rows;
        bar.update(rows, Math.max(rows, found));
      },
      end: () => {
        if (this.rows > 0) bar.finish(this.rows, Math.max(this.rows, found));
      },
    };
  }
}

const unfinished = (rows: number): string =>
  `${counted(rows, "row")} had been deleted, for good, when this failed. Run the command again to delete the rest.\n`;

function previewOf(
  { searches, doubtfulLinks, rows, links, vault, others }: Erasable,
  search: Search,
  table: StoredTable,
): string {
  const columns = searches.map(({ place }) => place.name).join(", ");
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
    columns: found.searches.map(({ place }) => place.name),
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
