import type { Snapshot, WorkerStatus } from "../../app/snapshot.ts";
import { rareText, showMs, textTable } from "../output.ts";
import type { styler } from "../terminal.ts";
import { type FleetFigures, fleetFigures, meanMs } from "./fleet-figures.ts";
import { type StatusVerdict, isRunning, judgeStatus } from "./judge-status.ts";

type Styler = ReturnType<typeof styler>;
type Line = readonly [name: string, text: string];

const NAME_CHARS = 14;
const MARKS = { ok: ["green", "✓"], warning: ["yellow", "!"], error: ["red", "✗"] } as const;

/** What the table of workers can do without where there is no room, the first of them first. */
const DROPPABLE = ["version", "since", "pid", "host"];

/**
 * A snapshot for people: first what is well or wrong, then the figures in groups.
 * @param charsMax of a line of the tables
 */
export function statusText(snapshot: Snapshot, style: Styler, charsMax = Infinity): string {
  const { pipeline, queue, table, at, depth, deadLetters, workers, quarantine } = snapshot;
  const parts = [
    judgeStatus(snapshot).map((verdict) => verdictText(verdict, style)),
    linesOf([
      ["pipeline", `${pipeline}: ${queue} → ${table}`],
      ["at", at.replace(/\.\d+Z$/, "Z")],
      ...(depth.ok
        ? [
            [
              "queue",
              `${depth.value.visible} waiting, ${depth.value.hidden} held, ${depth.value.delayed} delayed`,
            ] as const,
          ]
        : []),
      ...deadLetterLines(depth, deadLetters),
    ]),
    ...(workers.ok && workers.value.length > 0 ? workerParts(workers.value, charsMax) : []),
    ...(quarantine.ok && quarantine.value.pending > 0 ? [quarantinePart(quarantine.value.reasons)] : []),
  ];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** None about what the queue itself would have to tell: that it could not be read is said. */
function deadLetterLines(depth: Snapshot["depth"], deadLetters: Snapshot["deadLetters"]): readonly Line[] {
  if (!deadLetters.ok) return depth.ok ? [["dead letters", `not known [${deadLetters.error.code}]`]] : [];
  if (deadLetters.value === null) return [];
  const { queue, waiting } = deadLetters.value;
  return [["dead letters", `${waiting === 0 ? "none" : waiting} in ${queue}`]];
}

function verdictText({ level, text, hint }: StatusVerdict, style: Styler): string {
  const [colour, mark] = MARKS[level];
  return `${style(colour, mark)} ${text}${hint === null ? "" : `\n  → ${hint}`}`;
}

function workerParts(workers: readonly WorkerStatus[], charsMax: number): ReadonlyArray<readonly string[]> {
  const running = workers.filter(isRunning);
  return [
    // What those that have ended did says nothing of now; their counts are in the table below.
    ...(running.length > 0 ? [liveLines(fleetFigures(running)), totalLines(fleetFigures(running))] : []),
    ["workers of the last day", textTable(workers.map(workerRow), { charsMax, droppable: DROPPABLE })],
  ];
}

function liveLines(fleet: FleetFigures): readonly string[] {
  const { lagMs, receivedPerSecond, storedPerSecond, inFlight, batches, batchedEvents } = fleet;
  const rate = (perSecond: number): string => `${Math.round(perSecond * 10) / 10}/s`;
  return linesOf([
    ["lag", lagMs === 0 ? "none" : showMs(lagMs)],
    ["rates", `received ${rate(receivedPerSecond)}, stored ${rate(storedPerSecond)}`],
    ["in flight", String(inFlight)],
    ["batches", batches === 0 ? "none yet" : `${batches}, of ${Math.round(batchedEvents / batches)} events on average`],
    ...(batches === 0 ? [] : [["stages", stageMeans(fleet)] as const]),
  ]);
}

function stageMeans({ process, write, settle }: FleetFigures): string {
  const means = [
    ["decode and mask", process, "an event"],
    ["write", write, "a batch"],
    ["settle", settle, "a batch"],
  ] as const;
  return means
    .map(([stage, figures, of]) => {
      const mean = meanMs(figures);
      return mean === null
        ? `${stage} –`
        : `${stage} ${mean < 1 ? `${Math.round(mean * 1_000)} µs` : showMs(mean)} ${of}`;
    })
    .join(", ");
}

function totalLines(fleet: FleetFigures): readonly string[] {
  const { received, redelivered, stored, skipped, duplicate, quarantined, left, deleted, unsettled, suspected } = fleet;
  const some = (count: number, text: string): string => (count === 0 ? "" : `, ${text} ${count}`);
  return linesOf([
    [
      "so far",
      `received ${received}${some(redelivered, "again")}, stored ${stored}${some(skipped, "skipped")}${rareText(fleet)}${some(duplicate, "already there")}` +
        `${some(quarantined, "quarantined")}${some(left, "left in the queue")}, deleted ${deleted}` +
        `${some(unsettled, "not settled")}${some(fleet.visibilityFailures, "not kept hidden")}` +
        `${some(fleet.corrupt, "corrupt")}${some(suspected, "suspected leaks")}`,
    ],
    ["retries", `queue ${fleet.queueRetries}, database ${fleet.databaseRetries}`],
  ]);
}

function workerRow(worker: WorkerStatus): Record<string, string> {
  const { state, host, pid, number, version, startedAt, silentMs, figures } = worker;
  return {
    state: figures.isDraining && isRunning(worker) ? "draining" : state,
    worker: number === null ? "–" : String(number),
    host,
    pid: pid === null ? "–" : String(pid),
    version,
    since: startedAt === null ? "–" : startedAt.replace(/\.\d+Z$/, "Z"),
    "last heard": `${showMs(silentMs)} ago`,
    stored: String(figures.stored),
    quarantined: String(figures.quarantined),
  };
}

function quarantinePart(reasons: ReadonlyArray<{ code: string; count: number; lastSeen: string }>): readonly string[] {
  const rows = reasons.map(({ code, count, lastSeen }) => ({
    reason: code,
    events: String(count),
    "last seen": lastSeen.replace(/\.\d+Z$/, "Z"),
  }));
  return ["quarantine", textTable(rows)];
}

const linesOf = (lines: readonly Line[]): readonly string[] =>
  lines.map(([name, text]) => `${name.padEnd(NAME_CHARS)}${text}`);
