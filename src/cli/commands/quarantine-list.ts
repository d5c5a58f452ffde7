import {
  type QuarantineEntry,
  type QuarantineState,
  countReasons,
  listEntries,
} from "../../storage/quarantine/quarantine.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { charsMaxOf, textTable } from "../output.ts";
import { eventCount, withQuarantine } from "../quarantine-choice.ts";
import type { Terminal } from "../terminal.ts";

export interface QuarantineListOptions {
  readonly config: string;
  /** null: any. */
  readonly code: string | null;
  /** null: any. */
  readonly state: QuarantineState | null;
  readonly entriesMax: number;
  readonly json: boolean;
}

/** Needs no key: it opens nothing. */
export async function quarantineListCommand(options: QuarantineListOptions, terminal: Terminal): Promise<ExitCode> {
  const { code, state, entriesMax, json } = options;
  const { arns, reasons, entries } = await withQuarantine(options.config, terminal, async ({ pool, queues }) => {
    const filter = { queues, code, state };
    return {
      arns: queues.map(({ arn }) => arn),
      reasons: await countReasons(pool, filter),
      entries: await listEntries(pool, filter, entriesMax),
    };
  });
  const total = reasons.reduce((sum, { count }) => sum + count, 0);
  if (json) {
    terminal.writeOut(`${JSON.stringify({ queues: arns, state, total, reasons, entries })}\n`);
    return EXIT_CODES.done;
  }
  const stateShown = state === null ? "" : `${state} `;
  if (total === 0) {
    terminal.writeOut(`no ${stateShown}events\n`);
    return EXIT_CODES.done;
  }
  const newest = total > entries.length ? `; the newest ${entries.length}:` : "";
  terminal.writeOut(`${textTable(reasons.map(({ code: reason, count }) => ({ reason, events: String(count) })))}\n\n`);
  terminal.writeOut(`${eventCount(total).replace(" ", ` ${stateShown}`)}${newest}\n`);
  const charsMax = charsMaxOf(terminal);
  const rows = entries
    .map(shown)
    .map((row) => (charsMax < WIDE_CHARS ? { ...row, id: row.id.slice(0, ID_CHARS) } : row));
  if (entries.length > 0) terminal.writeOut(`${textTable(rows, { charsMax, droppable: DROPPABLE })}\n`);
  return EXIT_CODES.done;
}

/** Where there is no room for all: what was asked for, or tells least. */
const DROPPABLE = ["state", "first seen", "attempts", "detail", "path"];

/** Below it, ids are cut to what the other commands need of them. */
const WIDE_CHARS = 140;
const ID_CHARS = 8;

function shown({ id, code, path, detail, firstSeen, lastSeen, attempts, state }: QuarantineEntry) {
  return {
    id,
    reason: code,
    path: path ?? "",
    detail: detail ?? "",
    "first seen": toSeconds(firstSeen),
    "last seen": toSeconds(lastSeen),
    attempts: String(attempts),
    state,
  };
}

/** Without the fraction: for people. */
const toSeconds = (time: string): string => time.replace(/\.\d+Z$/, "Z");
