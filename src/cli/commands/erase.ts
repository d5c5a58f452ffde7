import { type Erasure, type EraseWatch, eraseValue } from "../../app/search/erase-value.ts";
import { type Search, userColumnOf } from "../../app/search/open-search.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { canGo, type ErasePlan, searchesOf } from "../../storage/search/erase-plan.ts";
import type { BesideCounts, Erasable, OtherRows } from "../../storage/search/find-erasable.ts";
import { confirm, declined, requireConsent } from "../confirm.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { counted } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { type SearchOptions, auditOf, blindSpots, searchValue } from "../search-value.ts";
import type { Terminal } from "../terminal.ts";

export interface EraseOptions extends SearchOptions {
  /** The rows stay, with NULL in all that is masked in them. */
  readonly setNull: boolean;
  readonly yes: boolean;
}

/** Deletes a value's rows, or sets what is masked in them to NULL, deletes links and vault entries, and says what of the person remains. Safe to repeat. */
export async function eraseCommand(options: EraseOptions, terminal: Terminal): Promise<ExitCode> {
  requireConsent(options.yes, terminal);
  const { setNull } = options;
  const search = await searchValue(options, { withSharedKeys: true }, terminal);
  const progress = new EraseProgress(terminal, setNull);
  const erasure = await eraseValue(search, {
    setsNull: setNull,
    audit: auditOf(options),
    confirm: options.yes
      ? null
      : (preview) => {
          terminal.writeError(previewOf(preview, search));
          return confirm(setNull ? SET_NULL_QUESTION : "Delete this for ever?", false, terminal);
        },
    watch: (found) => progress.begin(found),
    abort: progress.abort,
  }).catch((error: unknown) => {
    if (progress.rows > 0 && !progress.abort.aborted) terminal.writeError(unfinished(progress.rows, setNull));
    throw error;
  });
  if (erasure === null)
    return declined(setNull ? "Nothing was changed." : "Nothing was deleted.", options.json, terminal);
  terminal.writeOut(
    options.json ? `${JSON.stringify(jsonOf(erasure, search, setNull))}\n` : textOf(erasure, search, setNull),
  );
  return EXIT_CODES.done;
}

/** Shows how far the deletion has come, and ends it at a signal: before it, a signal ends the process. */
class EraseProgress {
  readonly #terminal: Terminal;
  readonly #doing: string;
  readonly #stop = new AbortController();
  /** Deleted so far. */
  rows = 0;

  constructor(terminal: Terminal, setsNull: boolean) {
    this.#terminal = terminal;
    this.#doing = setsNull ? "rows set to NULL:" : "rows deleted:";
  }

  get abort(): AbortSignal {
    return this.#stop.signal;
  }

  begin({ rows: found }: Erasable): EraseWatch {
    this.#terminal.onSignal(() => this.#stop.abort());
    const bar = new ProgressBar(this.#terminal, this.#doing);
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

const SET_NULL_QUESTION = "Set what is masked in these rows to NULL, and delete the rest, for ever?";

const unfinished = (rows: number, setsNull: boolean): string =>
  `${counted(rows, "row")} had been ${setsNull ? "set to NULL" : "deleted"}, for good, when this failed. Run the command again to do the rest.\n`;

function previewOf(found: Erasable, search: Search): string {
  const { plan, doubtfulLinks, rowsOf, others } = found;
  const columns = searchesOf(plan).map(({ place }) => place.name);
  return [
    `What the value's tokens in ${columns.join(", ")} lead to:`,
    `  ${showRows(plan, rowsOf)}, ${showBeside(found)}`,
    ...(hasOthers(others) ? [`  ${showOthers(others, search)} will remain`] : []),
    ...blindSpots(search, doubtfulLinks).map((sentence) => `  ${sentence}`),
    "",
  ].join("\n");
}

/** Of several tables those alone that lose some. */
function showRows({ tables }: ErasePlan, rowsOf: readonly number[]): string {
  const rows = tables.map(({ table }, at) => ({ name: showTable(table.name), count: rowsOf[at] ?? 0 }));
  const some = rows.filter(({ count }) => count > 0);
  const shown = tables.length === 1 ? rows : some;
  return shown.length === 0
    ? `0 rows of ${rows.map(({ name }) => name).join(", ")}`
    : shown.map(({ name, count }) => `${counted(count, "row")} of ${name}`).join(", ");
}

const showBeside = ({ links, vault }: BesideCounts): string =>
  `${counted(links, "link")}, ${counted(vault, "vault entry", "vault entries")}`;

const hasOthers = (others: OtherRows | null): others is OtherRows => others !== null && others.rows > 0;

const showOthers = ({ rows, users }: OtherRows, search: Search): string =>
  `${counted(rows, "other row")} of the same ${counted(users, "user")} (${userColumnOf(search)})`;

function jsonOf({ erased, found }: Erasure, search: Search, setsNull: boolean): object {
  const { plan, others, pendingEvents, doubtfulLinks } = found;
  const { rows, rowsOf, links, vault } = erased;
  const [only, ...more] = plan.tables;
  return {
    ...(only !== undefined && more.length === 0
      ? { table: showTable(only.table.name) }
      : { tables: plan.tables.map(({ table }, at) => ({ table: showTable(table.name), rows: rowsOf[at] ?? 0 })) }),
    columns: searchesOf(plan).map(({ place }) => place.name),
    deleted: { rows: setsNull ? 0 : rows, links, vault },
    ...(setsNull ? { setNull: { rows } } : {}),
    remaining: {
      userColumn: userColumnOf(search),
      users: others?.users ?? null,
      rowsOfSameUsers: others?.rows ?? null,
      pendingQuarantine: pendingEvents.own,
      pendingQuarantineOfOthers: pendingEvents.others,
    },
    unsearched: search.unsearched,
    destroyedVersions: search.destroyedVersions,
    ...(doubtfulLinks.length === 0 ? {} : { doubtfulLinks }),
  };
}

function textOf({ erased, found }: Erasure, search: Search, setsNull: boolean): string {
  const { plan, others, pendingEvents, doubtfulLinks } = found;
  const untouched = plan.tables.filter((_, at) => !canGo(plan, at)).map(({ table }) => showTable(table.name));
  const rows = showRows(plan, erased.rowsOf);
  return [
    erased.rows + erased.links + erased.vault === 0
      ? "Nothing was there to delete."
      : setsNull
        ? `Set what is masked to NULL in ${rows}; deleted ${showBeside(erased)}.`
        : `Deleted ${rows}, ${showBeside(erased)}.`,
    "What remains:",
    ...(setsNull ? ["  - The rows, with all that is stored in them as it is."] : []),
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
    ...(untouched.length === 0
      ? []
      : [
          `  - All rows of ${untouched.join(", ")}: no column there can have the value, and no foreign key leads to rows that had it.`,
        ]),
    "  - Rows of other tables: erase with each pipeline's own configuration.",
    "  - Ids of messages in the ledger, without any value, until they expire.",
    ...(search.config.dedupeBy === null
      ? []
      : ["  - Keyed digests of the rows' business ids (dedupeBy), until they expire."]),
    `  - ${setsNull ? "Earlier versions of the" : "Deleted"} rows on disk until VACUUM has run, and in WAL, replicas and backups as long as you keep these.`,
    "  - Messages still in the queue, or sent again later: their events would bring the value back.",
    ...blindSpots(search, doubtfulLinks).map((sentence) => `  - ${sentence}`),
    "",
  ].join("\n");
}
