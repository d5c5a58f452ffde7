import { runOverCanned } from "../support/canned-run.mjs";
/** What a second worker process adds, where the queue is no limit. */
import { judge } from "../support/goals.mjs";
import { cpuPerMessage } from "../support/measure.mjs";
import { LOGINS } from "../support/pipelines.mjs";
import { number, range, times } from "../support/report.mjs";
import { ratio, spreadOf } from "../support/statistics.mjs";

/** What a request to SQS takes from the same region. */
const SQS_DELAY_MS = 15;
const DELAYS_MS = [0, SQS_DELAY_MS];
const WORKERS = [1, 2];
/** Those that are not warm, or not yet at their rate. */
const STARTING_SHARE = 0.2;

/** @typedef {{ rate: number, client: number | null, postgres: number | null, queue: number | null }} Figures */

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureWorkers(stand, { isQuick, say }) {
  const rounds = isQuick ? 1 : 3;
  const count = isQuick ? 60_000 : 200_000;
  /** @type {{ delayMs: number, workers: number, taken: Figures[] }[]} */
  const cases = DELAYS_MS.flatMap((delayMs) => WORKERS.map((workers) => ({ delayMs, workers, taken: [] })));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { delayMs, workers, taken } of cases) {
      const figures = await takeTurn(stand, count, delayMs, workers);
      taken.push(figures);
      say(`round ${round} of ${rounds}: ${workers}, ${delayMs} ms: ${number(figures.rate)} messages/s`);
    }
  }
  const spreads = cases.map(({ delayMs, workers, taken }) => ({
    delayMs,
    workers,
    rate: spreadOf(taken.map(({ rate }) => rate)),
    client: spreadOf(taken.map(({ client }) => client)),
    postgres: spreadOf(taken.map(({ postgres }) => postgres)),
    queue: spreadOf(taken.map(({ queue }) => queue)),
  }));
  const gainOf = (/** @type {typeof spreads[number]} */ { delayMs, rate }) =>
    ratio(rate, spreads.find((each) => each.delayMs === delayMs)?.rate ?? null);
  return {
    title: "Two worker processes",
    about:
      "Over the canned queue, after the first fifth. The workers, PostgreSQL and the queue share the machine's cores: the " +
      "last columns say who takes how much of them, in CPU µs a message.",
    columns: ["workers, a request takes", "messages/s", "gain", "workers", "PostgreSQL", "queue"],
    rows: spreads.map((each) => [
      `${each.workers}, ${each.delayMs} ms`,
      range(each.rate),
      times(gainOf(each)),
      range(each.client, 1),
      range(each.postgres, 1),
      range(each.queue, 1),
    ]),
    goals: spreads
      .filter(({ workers }) => workers > 1)
      .map((each) => {
        const goal = judge("workers", gainOf(each));
        return { ...goal, what: `${goal.what}, ${each.delayMs} ms a request` };
      }),
    data: spreads,
  };
}

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {number} count
 * @param {number} delayMs
 * @param {number} workers
 * @returns {Promise<Figures>}
 */
async function takeTurn(stand, count, delayMs, workers) {
  const { marks } = await runOverCanned(stand, {
    pipeline: LOGINS,
    queue: { count, delayMs },
    marks: [{ of: "progress", at: count * STARTING_SHARE }],
    args: workers === 1 ? [] : ["--workers", String(workers)],
  });
  const [start, end] = marks;
  const seconds = ((end?.atMs ?? 0) - (start?.atMs ?? 0)) / 1_000;
  return {
    rate: (count * (1 - STARTING_SHARE)) / seconds,
    client: cpuPerMessage(start, end),
    postgres: cpuPerMessage(start, end, "postgres"),
    queue: cpuPerMessage(start, end, "queue"),
  };
}
