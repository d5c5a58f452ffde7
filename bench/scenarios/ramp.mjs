/** How long an idle worker takes to reach its full rate when a backlog arrives. */
import { setTimeout as sleep } from "node:timers/promises";
import { countRows } from "../support/databases.mjs";
import { judge } from "../support/goals.mjs";
import { expectCount, stalled } from "../support/measure.mjs";
import { LOGINS } from "../support/pipelines.mjs";
import { startPiipe } from "../support/program.mjs";
import { number, range } from "../support/report.mjs";
import { quantile, spreadOf } from "../support/statistics.mjs";

const BACKLOG = 60_000;
const REQUEST_MS = 15;
/** The worker has long been in its first long poll. */
const IDLE_MS = 4_000;
const STEP = 500;
/** A rate is taken over so many steps: less would show single batches. */
const RATE_STEPS = 6;
const FULL_SHARE = 0.9;

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureRamp(stand, { isQuick, say }) {
  const rounds = isQuick ? 1 : 3;
  const ramps = [];
  for (let round = 1; round <= rounds; round += 1) {
    const ramp = await takeTurn(stand);
    ramps.push(ramp);
    say(`round ${round} of ${rounds}: ${number(ramp.seconds, 2)} s to ${number(ramp.rate)} messages/s`);
  }
  const seconds = spreadOf(ramps.map((ramp) => ramp.seconds));
  const rate = spreadOf(ramps.map((ramp) => ramp.rate));
  return {
    title: "From idle to full rate",
    about:
      `A worker waits ${IDLE_MS / 1_000} s at an empty canned queue, each request taking ${REQUEST_MS} ms as SQS's do; then ` +
      `${number(BACKLOG)} messages are there at once. Counted until deletes come at ${FULL_SHARE * 100}% of the rate of ` +
      "the run's second half.",
    columns: ["", "s", "messages/s then"],
    rows: [["piipe", range(seconds, 2), range(rate)]],
    goals: [judge("ramp", seconds?.median ?? null)],
    data: { seconds, rate },
  };
}

/** @param {import("../support/stand.mjs").Stand} stand */
async function takeTurn({ canned, databases, environmentFor }) {
  const environment = environmentFor(canned.endpoint);
  const databaseUrl = await databases.create(LOGINS, environment);
  await canned.configure({ count: BACKLOG, delayMs: REQUEST_MS, isHeld: true });
  await canned.begin(Array.from({ length: BACKLOG / STEP }, (_, step) => ({ of: "deleted", at: (step + 1) * STEP })));
  const program = await startPiipe(["run", "--config", LOGINS.config], { ...environment, DATABASE_URL: databaseUrl });
  const over = new AbortController();
  try {
    await sleep(IDLE_MS);
    const { nowMs: arrivedAtMs } = await canned.release();
    const { marks } = await Promise.race([
      canned.reached(),
      program.ended.then(endedEarly),
      stalled(canned, over.signal),
    ]);
    await program.stop();
    expectCount("rows", await countRows(databaseUrl, LOGINS.table), BACKLOG);
    await databases.drop(databaseUrl);
    return rampOf(marks, arrivedAtMs);
  } finally {
    over.abort();
    program.kill();
  }
}

/** @returns {never} */
function endedEarly() {
  throw new Error("the worker ended before the backlog was worked off");
}

/**
 * @param {readonly { at: number, atMs: number }[]} marks
 * @param {number} arrivedAtMs
 */
function rampOf(marks, arrivedAtMs) {
  const rates = marks.slice(RATE_STEPS).map(({ at, atMs }, index) => {
    const from = marks[index] ?? { at: 0, atMs: arrivedAtMs };
    return { atMs, rate: ((at - from.at) / (atMs - from.atMs)) * 1_000 };
  });
  const later = rates.slice(rates.length / 2).map(({ rate }) => rate);
  const rate = quantile(
    later.toSorted((a, b) => a - b),
    0.5,
  );
  const full = rates.find((each) => each.rate >= rate * FULL_SHARE);
  return { rate, seconds: ((full?.atMs ?? Number.NaN) - arrivedAtMs) / 1_000 };
}
