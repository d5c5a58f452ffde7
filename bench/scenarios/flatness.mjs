import { runOverCanned } from "../support/canned-run.mjs";
/** Whether a message costs the same after many others, and beside a ledger that is full of their ids. */
import { query } from "../support/databases.mjs";
import { judge } from "../support/goals.mjs";
import { cpuPerMessage } from "../support/measure.mjs";
import { LOGINS } from "../support/pipelines.mjs";
import { number, range } from "../support/report.mjs";
import { ratio, spreadOf } from "../support/statistics.mjs";

/** @type {typeof import("../../src/storage/ledger/claim.ts")} */
const { sourceIdOf } = await import(new URL("../../dist/storage/ledger/claim.js", import.meta.url).href);

/** The program has met all its code by then. */
const WARM_UP = 20_000;
const LEDGER_IDS = 10_000_000;
/** Of the canned queue. */
const SOURCE = "arn:aws:sqs:us-west-1:000000000000:login-queue";
/** The days for which a message can still come again. */
const LEDGER_DAYS = 14;

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureFlatness(stand, { isQuick, say }) {
  const rounds = isQuick ? 1 : 3;
  const lengths = isQuick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000];
  /** @type {{ client: number | null, postgres: number | null }[][]} */
  const samples = [];
  for (let round = 1; round <= rounds; round += 1) {
    samples.push(await costsOf(stand, lengths, async () => {}));
    say(`round ${round} of ${rounds}`);
  }
  const rows = lengths.map((length, index) => ({
    name: index === 0 ? `the first ${number(length)} messages` : `up to ${number(length)}`,
    client: spreadOf(samples.map((sample) => sample[index]?.client ?? null)),
    postgres: spreadOf(samples.map((sample) => sample[index]?.postgres ?? null)),
  }));
  const goals = [judge("growth", growthOf(rows.map(({ client }) => client)))];
  if (!isQuick) {
    say(`filling the ledger with ${number(LEDGER_IDS)} ids`);
    const compared = lengths.slice(0, 2);
    const cost = (await costsOf(stand, compared, fillLedger)).at(-1);
    const full = { client: spreadOf([cost?.client ?? null]), postgres: spreadOf([cost?.postgres ?? null]) };
    goals.push(
      judge("ledgerGrowth", ratio(full.client, rows[1]?.client ?? null)),
      // The client does not touch the ledger: what a large one costs shows here.
      judge("ledgerGrowthDatabase", ratio(full.postgres, rows[1]?.postgres ?? null)),
    );
    rows.push({ name: `up to ${number(compared[1] ?? null)}, ${number(LEDGER_IDS)} ids in the ledger`, ...full });
  }
  return {
    title: "Cost as work grows",
    about:
      `CPU µs a message over the canned queue, counted after ${number(WARM_UP)} messages to warm up; each row from where ` +
      "the one above it ends.",
    columns: ["", "piipe", "PostgreSQL"],
    rows: rows.map(({ name, client, postgres }) => [name, range(client, 1), range(postgres, 1)]),
    goals,
    data: rows,
  };
}

/**
 * One run that is as long as the longest.
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {readonly number[]} lengths rising
 * @param {(databaseUrl: string) => Promise<void>} prepare
 */
async function costsOf(stand, lengths, prepare) {
  const count = WARM_UP + (lengths.at(-1) ?? 0);
  const { marks } = await runOverCanned(stand, {
    pipeline: LOGINS,
    queue: { count, delayMs: 0 },
    marks: [0, ...lengths.slice(0, -1)].map((length) => ({ of: "progress", at: WARM_UP + length })),
    prepare,
  });
  return lengths.map((_, index) => ({
    client: cpuPerMessage(marks[index], marks[index + 1]),
    postgres: cpuPerMessage(marks[index], marks[index + 1], "postgres"),
  }));
}

/**
 * The most by which a later figure is above an earlier one.
 * @param {readonly (import("../support/statistics.mjs").Spread | null)[]} costs
 */
function growthOf(costs) {
  const growths = costs.flatMap((later, index) =>
    costs.slice(0, index).flatMap((earlier) => ratio(later, earlier) ?? []),
  );
  return growths.length === 0 ? null : Math.max(...growths);
}

/** @param {string} databaseUrl */
async function fillLedger(databaseUrl) {
  // In the order of the index: that takes a third of the time.
  await query(
    databaseUrl,
    `INSERT INTO piipe.ledger (sent_day, source_id, message_id)
     SELECT current_date - (number % $1::integer), $2::bigint, gen_random_uuid()
     FROM generate_series(1, $3::integer) AS number ORDER BY 1, 3`,
    [LEDGER_DAYS, sourceIdOf(SOURCE), LEDGER_IDS],
  );
  await query(databaseUrl, "VACUUM ANALYZE piipe.ledger");
}
