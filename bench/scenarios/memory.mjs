import { runOverCanned } from "../support/canned-run.mjs";
/** How much memory piipe holds at full rate, when events are ordinary, long, and hold texts longer than it takes. */
import { judge } from "../support/goals.mjs";
import { NOTES } from "../support/pipelines.mjs";
import { number, range } from "../support/report.mjs";
import { spreadOf } from "../support/statistics.mjs";

const KIB = 1_024;
const QUARANTINE = "piipe.quarantine";

const CASES = [
  { name: "600 bytes, stored", bytes: 600, count: 100_000, quickCount: 40_000, storedIn: NOTES.table },
  // Each of its four texts a hair below the longest that is stored.
  { name: "255 KiB, stored", bytes: 255 * KIB, count: 400, quickCount: 200, storedIn: NOTES.table },
  { name: "1 MiB, quarantined", bytes: KIB * KIB, count: 200, quickCount: 100, storedIn: QUARANTINE },
];

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureMemory(stand, { isQuick, say }) {
  const rounds = isQuick ? 1 : 3;
  const cases = [];
  for (const { name, bytes, storedIn, ...counts } of CASES) {
    const count = isQuick ? counts.quickCount : counts.count;
    const peaksMb = [];
    const rates = [];
    for (let round = 1; round <= rounds; round += 1) {
      const queue = { count, bytes, delayMs: 0 };
      const { marks, firstReceiveAtMs } = await runOverCanned(stand, { pipeline: NOTES, queue, storedIn });
      const end = marks.at(-1);
      const peakKb = end?.usage["client"]?.peakRssKb;
      peaksMb.push(peakKb === undefined ? null : peakKb / KIB);
      rates.push((count / ((end?.atMs ?? 0) - firstReceiveAtMs)) * 1_000);
    }
    const peakMb = spreadOf(peaksMb);
    say(`${name}: ${number(peakMb?.median ?? null)} MB`);
    cases.push({ name, count, rate: spreadOf(rates), peakMb });
  }
  return {
    title: "Memory",
    about:
      "The most memory that the worker held (RSS), over the canned queue, which gives ten events in each reply whatever their size.",
    columns: ["an event", "events", "messages/s", "peak RSS MB"],
    rows: cases.map(({ name, count, rate, peakMb }) => [name, number(count), range(rate), range(peakMb)]),
    goals: [judge("memory", cases[0]?.peakMb?.median ?? null)],
    data: cases,
  };
}
