import { appendFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { KILL_POINTS } from "../../support/doomed-worker.ts";
import { runSoak } from "./run-soak.ts";
import { SHORT_LEG, type SoakFigures } from "./soak-figures.ts";

/** `npm run test:faults` gives the figures of a leg, and a file for its report and one for its progress. */
const {
  PIIPE_SOAK_FIGURES: figuresJson,
  PIIPE_SOAK_REPORT: reportFile,
  PIIPE_SOAK_PROGRESS: progressFile,
} = process.env;
const figures = figuresJson === undefined ? SHORT_LEG : (JSON.parse(figuresJson) as SoakFigures);
const TIMEOUT_MS = 1_800_000;

it(
  `stores ${figures.messages} messages exactly once under every kind of fault (seed ${figures.seed})`,
  async () => {
    const report = await runSoak(figures, (line) => {
      if (progressFile !== undefined) void appendFile(progressFile, `${line}\n`);
    });
    if (reportFile !== undefined) await writeFile(reportFile, `${JSON.stringify(report, null, 2)}\n`);
    else console.log(JSON.stringify(report, null, 2));

    expect(report).toMatchObject({
      lost: 0,
      duplicateRows: 0,
      unexpected: 0,
      stillQueued: 0,
      deletesBeforeCommit: 0,
      rawBytes: [],
      unexpectedEnds: [],
    });
    expect(report.stored + report.quarantined).toBe(report.sent);
    expect(report.sent).toBeGreaterThanOrEqual(figures.messages);
    expect(report.messagesSeenDeleted).toBe(report.sent);
    // What was to be met was met.
    for (const point of KILL_POINTS) expect(report.faults[`kill ${point}`], point).toBe(figures.killsAtEach);
    for (const [kind, count] of Object.entries(report.queueFaults)) expect(count, kind).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
