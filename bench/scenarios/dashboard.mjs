/** What the dashboard costs the pipeline while somebody watches it, at a steady rate. */
import { setTimeout as sleep } from "node:timers/promises";
import { runOverCanned } from "../support/canned-run.mjs";
import { judge } from "../support/goals.mjs";
import { cpuPerMessage } from "../support/measure.mjs";
import { LOGINS } from "../support/pipelines.mjs";
import { number, range } from "../support/report.mjs";
import { ratio, spreadOf } from "../support/statistics.mjs";

/** @type {typeof import("../../src/embedded/free-port.ts")} */
const { freePort } = await import(new URL("../../dist/embedded/free-port.js", import.meta.url).href);

const RATE = 5_000;
/** Those before the process is warm. */
const STARTING_SHARE = 0.25;
const RETRY_MS = 50;

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureDashboard(stand, { isQuick, say }) {
  const rounds = isQuick ? 1 : 5;
  const seconds = isQuick ? 8 : 20;
  const cases = [
    { name: "without", isWatched: false, taken: /** @type {(number | null)[]} */ ([]) },
    { name: "watched", isWatched: true, taken: /** @type {(number | null)[]} */ ([]) },
  ];
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, isWatched, taken } of cases) {
      const cpu = await takeTurn(stand, RATE * seconds, isWatched);
      taken.push(cpu);
      say(`round ${round} of ${rounds}: ${name}: ${number(cpu, 1)} µs a message`);
    }
  }
  const [without = null, watched = null] = cases.map(({ taken }) => spreadOf(taken));
  const share = ratio(watched, without);
  const percent = share === null ? null : (share - 1) * 100;
  return {
    title: "The dashboard, watched",
    about: `CPU of piipe at ${number(RATE)} messages a second from the canned queue for ${seconds} s, after the first quarter; the two took turns.`,
    columns: ["dashboard", "CPU µs a message"],
    rows: [
      ["none", range(without, 1)],
      ["one viewer", range(watched, 1)],
    ],
    goals: [judge("dashboard", percent)],
    data: { without, watched, percent },
  };
}

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {number} count
 * @param {boolean} isWatched
 * @returns {Promise<number | null>} µs a message
 */
async function takeTurn(stand, count, isWatched) {
  const address = `127.0.0.1:${await freePort()}`;
  const over = new AbortController();
  const ticks = isWatched ? watch(`http://${address}/api/stream`, over.signal) : null;
  try {
    const { marks } = await runOverCanned(stand, {
      pipeline: LOGINS,
      queue: { count, delayMs: 0, perSecond: RATE },
      marks: [{ of: "progress", at: count * STARTING_SHARE }],
      args: isWatched ? ["--dashboard", address] : [],
    });
    const [start, end] = marks;
    over.abort();
    // Somebody who saw nothing costs nothing.
    if ((await ticks) === 0) throw new Error("the dashboard sent nothing");
    return cpuPerMessage(start, end);
  } finally {
    over.abort();
  }
}

/**
 * As a page does, until the run has ended. Gives how much was read.
 * @param {string} url
 * @param {AbortSignal} over
 */
async function watch(url, over) {
  let bytes = 0;
  while (!over.aborted && bytes === 0) {
    try {
      const { body } = await fetch(url, { signal: over });
      for await (const chunk of body ?? []) bytes += chunk.length;
    } catch {
      // It does not listen yet, or no more.
      await sleep(RETRY_MS);
    }
  }
  return bytes;
}
