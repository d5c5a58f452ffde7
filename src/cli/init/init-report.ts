import { relative } from "node:path";
import type { Trial } from "../../app/try-events.ts";
import type { InferredColumn } from "../../init/column-of.ts";
import type { Inference } from "../../init/infer-columns.ts";
import { showLeftOut } from "../../init/render-config.ts";
import type { UnwrapStep } from "../../pipeline/contracts.ts";
import { showRejection } from "../../pipeline/rejection-text.ts";
import { counted, textTable } from "../output.ts";
import { type Terminal, showControls, styler } from "../terminal.ts";
import type { EventCounts } from "./infer-from.ts";
import type { KeyFiles } from "./write-config.ts";

/** What a look at events found. Names and counts: no value of an event. */
export interface Findings {
  /** The configuration's file, as it was named. */
  readonly file: string;
  readonly queue: string;
  readonly table: string;
  /** null: nobody looked. */
  readonly tableExists: boolean | null;
  /** What the bodies are wrapped in, outermost first. */
  readonly unwrap: readonly UnwrapStep[];
  readonly events: EventCounts;
  readonly inference: Inference;
  readonly trial: Trial;
}

/** What was inferred and written. */
export interface InitReport extends Findings {
  readonly hasDatabaseUrl: boolean;
  readonly keyring: string;
  readonly keys: KeyFiles;
  /** Key files that a git repository would take in. */
  readonly unignored: readonly string[];
}

export function jsonOf(report: InitReport): object {
  const { keys } = report;
  return {
    ...findingsJson(report),
    keyring: { file: keys.keyringFile, origin: keys.origin, privateFile: keys.privateFile },
    eventId: report.inference.eventId,
    warnings: allWarningsOf(report),
  };
}

/** The same of a look that changes a configuration. */
function findingsJson(findings: Findings): object {
  const { file, queue, table, tableExists, unwrap, events, inference, trial } = findings;
  return {
    file,
    queue,
    table,
    tableExists,
    unwrap,
    events,
    columns: inference.columns,
    leftOut: inference.leftOut.map(({ field, column, why }) => ({ field, column, why })),
    trial,
    warnings: warningsOf(findings),
  };
}

/** The columns on stdout, unless JSON stands there; the rest on stderr. */
export function printReport(report: InitReport, isJson: boolean, terminal: Terminal): void {
  const { inference, file, unwrap } = report;
  printColumns(report, isJson, terminal);
  if (unwrap.length > 0) {
    terminal.writeError(`the events are wrapped: source.unwrap takes them out (${unwrap.join(", ")})\n`);
  }
  printWarnings(allWarningsOf(report), terminal);
  const say = (line: string): void => terminal.writeError(`${showControls(line)}\n`);
  say(`wrote ${file}: ${showColumns(inference.columns)}`);
  say(showTrial(report));
  for (const line of keyLines(report, terminal.folder)) say(line);
  for (const line of nextSteps(report)) say(line);
}

/** What was found for each table of a configuration that there was. The trial and the events are of all of them. */
export type Added = readonly [Findings, ...Findings[]];

export function addedJson(added: Added): object {
  const [first, ...others] = added;
  if (others.length === 0) return findingsJson(first);
  const { file, queue, unwrap, events, trial } = first;
  return {
    file,
    queue,
    unwrap,
    events,
    tables: added.map(({ table, tableExists, inference }) => ({
      table,
      tableExists,
      columns: inference.columns,
      leftOut: inference.leftOut.map(({ field, column, why }) => ({ field, column, why })),
    })),
    trial,
    warnings: warningsOfAll(added),
  };
}

const warningsOfAll = (added: Added): readonly string[] => [...new Set(added.flatMap(warningsOf))];

/** The same of columns that were added to a configuration. */
export function printAdded(added: Added, isJson: boolean, terminal: Terminal): void {
  const [first, ...others] = added;
  const { file } = first;
  const columns = added.flatMap(({ inference }) => inference.columns);
  const leftOut = added.flatMap(({ inference }) => inference.leftOut);
  const tableExists = added.some((findings) => findings.tableExists === null) ? null : first.tableExists;
  const say = (line: string): void => terminal.writeError(`${showControls(line)}\n`);
  for (const findings of added) {
    const { table, inference } = findings;
    if (others.length > 0 && inference.columns.length + inference.leftOut.length > 0) {
      say(`${table}: ${showColumns(inference.columns)}`);
    }
    printColumns(findings, isJson, terminal);
  }
  printWarnings(warningsOfAll(added), terminal);
  if (columns.length === 0) {
    say(`nothing ${leftOut.length === 0 ? "new" : "added"}: ${file} stays as it is`);
    return;
  }
  say(`added to ${file}: ${showColumns(columns)}`);
  say(showTrial(first));
  say(`next: read what was added${tableExists === null ? `; ${UNSEEN}` : ""}`);
}

const UNSEEN =
  "the table was not looked at, as DATABASE_URL is not set: before the next run, `piipe check` names what it lacks, with the statement that adds it";

function printColumns({ inference }: Findings, isJson: boolean, terminal: Terminal): void {
  if (!isJson && inference.columns.length > 0)
    terminal.writeOut(`${showControls(tableOf(inference.columns, terminal))}\n`);
  for (const left of inference.leftOut) {
    if (!left.isProblem) terminal.writeError(`${showControls(`left out: ${showLeftOut(left)}`)}\n`);
  }
}

function printWarnings(warnings: readonly string[], terminal: Terminal): void {
  const style = styler(terminal.isInteractive, terminal.environment);
  for (const warning of warnings) terminal.writeError(`${style("yellow", "warning:")} ${showControls(warning)}\n`);
}

function showColumns(columns: readonly InferredColumn[]): string {
  const masked = columns.filter(({ mask, masks }) => mask !== null || masks !== undefined).length;
  return `${counted(columns.length, "column")}, ${masked} of them masked, or masked inside`;
}

function showTrial({ trial, events }: Findings): string {
  const how = trial.isTriedInTable ? ": tried in the table, and rolled back" : "";
  return `with it a run would take ${trial.fitting} of the ${counted(events.looked, "event")} looked at${how}`;
}

/** On a terminal no line is wider than it: the reasons stand last, and whole in the file. */
function tableOf(columns: readonly InferredColumn[], { outIsTerminal, columns: width }: Terminal): string {
  const lines = textTable(columns.map(cellsOf)).split("\n");
  const charsMax = outIsTerminal ? width() : Infinity;
  return lines.map((line) => (line.length > charsMax ? `${line.slice(0, charsMax - 1)}…` : line)).join("\n");
}

const cellsOf = ({ name, from, type, nullable, mask, masks, reasons }: InferredColumn): Record<string, string> => ({
  column: name,
  from: from === name ? "" : from,
  type,
  null: nullable ? "yes" : "",
  mask: mask ?? (masks === undefined ? "" : `${masks.length} inside`),
  // The first one says enough to find it; the file has them all.
  why: reasons[0] ?? "",
});

function warningsOf({ inference, events, trial }: Findings): readonly string[] {
  const { otherKinds, unreadable } = events;
  return [
    ...inference.columns.flatMap(({ name, from, notes }) =>
      from.startsWith("@") ? [] : notes.map((note) => `column ${name}: ${note}`),
    ),
    ...inference.leftOut.filter(({ isProblem }) => isProblem).map((left) => `left out: ${showLeftOut(left)}`),
    ...(otherKinds === 0
      ? []
      : [
          `${counted(otherKinds, "event")} of another kind (hardly a field in common with the others) left out of the look`,
        ]),
    ...(unreadable === 0
      ? []
      : [`${counted(unreadable, "event is no JSON object", "events are no JSON objects")} within piipe's limits`]),
    ...(trial.skipped === 0
      ? []
      : [
          `${counted(trial.skipped, "event")} looked at would be skipped: a trigger or rule of the table keeps them out`,
        ]),
    ...(trial.obstacle === null ? [] : [trial.obstacle]),
    ...trial.refusals.map(
      ({ count, ...rejection }) => `${counted(count, "event")} looked at would be refused: ${showRejection(rejection)}`,
    ),
  ];
}

const allWarningsOf = (report: InitReport): readonly string[] => [
  ...warningsOf(report),
  ...otherKeys(report),
  ...repeats(report.inference),
  ...unignoredWarnings(report),
];

/** What the tokens in the table were made with is somewhere else. */
function otherKeys({ trial, keys }: InitReport): readonly string[] {
  if (trial.obstacleCode !== "keys.mismatch") return [];
  const where = keys.origin === "environment" ? "put it into PIIPE_KEYS" : "name its file with --keys FILE";
  return [`this needs the keyring that made the stored tokens: ${where}, and run init again with --force`];
}

const unignoredWarnings = ({ unignored }: InitReport): readonly string[] =>
  unignored.map((file) => `git would take in ${file}: add it to .gitignore`);

function repeats({ eventId }: Inference): readonly string[] {
  if (eventId === null || eventId.repeated === 0) return [];
  const { repeated, from } = eventId;
  const what = counted(repeated, "of the sampled events comes", "of the sampled events come");
  return [`${what} again by ${from}: dedupeBy makes them one row`];
}

function keyLines({ keys, keyring }: InitReport, folder: string): readonly string[] {
  const { keyringFile, privateFile, origin } = keys;
  if (origin === "kept") return [`${keyring}: the keyring was there, and is kept`];
  if (origin === "environment") return ["PIIPE_KEYS holds the keyring; no file was made"];
  return [
    `made ${relative(folder, keyringFile)}: the keyring; every worker needs it. Back it up`,
    `made ${relative(folder, privateFile ?? "")}: opens what is sealed; move it to where only its keepers can read it`,
  ];
}

function nextSteps({ file, hasDatabaseUrl, tableExists }: InitReport): readonly string[] {
  const flag = file === "piipe.yaml" ? "" : ` -c ${file}`;
  const url = "export DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/DATABASE";
  const tables = tableExists === true ? "piipe's own tables" : "the table, and piipe's own";
  const steps: ReadonlyArray<readonly [string, string]> = [
    ...(hasDatabaseUrl ? [] : [[url, "where the rows go"] as const]),
    [`piipe mask${flag} < events.ndjson`, "a dry run: what would be stored of each event"],
    [`piipe migrate${flag}`, `creates ${tables}`],
    [`piipe check${flag}`, "one look at everything"],
    [`piipe run${flag} --until-empty`, "lands what is in the queue"],
  ];
  const width = Math.max(...steps.slice(-4).map(([command]) => command.length));
  return [`next, after reading ${file}:`, ...steps.map(([command, why]) => `  ${command.padEnd(width)}  ${why}`)];
}
