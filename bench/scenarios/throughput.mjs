import { countRows } from "../support/databases.mjs";
/** piipe beside its peers, on the same servers, taking turns. */
import { makeEvents } from "../support/events.mjs";
import { judge } from "../support/goals.mjs";
import { cpuPerMessage, expectCount, measureRun } from "../support/measure.mjs";
import { LOGINS } from "../support/pipelines.mjs";
import { startContender, startPiipe } from "../support/program.mjs";
import { makeQueue } from "../support/queue.mjs";
import { number, range, times } from "../support/report.mjs";
import { ratio, spreadOf } from "../support/statistics.mjs";

/** @typedef {import("../support/stand.mjs").Stand} Stand */

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {number} messages so many that a run takes some seconds
 * @property {number} quickMessages
 * @property {boolean} [storesNothing]
 * @property {(environment: Record<string, string>) => Promise<import("../support/program.mjs").Program>} start
 */

/** @type {readonly Contender[]} */
const CONTENDERS = [
  {
    name: "piipe",
    messages: 150_000,
    quickMessages: 30_000,
    start: (environment) => startPiipe(["run", "--config", LOGINS.config, "--until-empty"], environment),
  },
  {
    name: "sqs-consumer + pg",
    messages: 20_000,
    quickMessages: 6_000,
    start: (environment) => startContender("sqs-consumer", ["1"], environment),
  },
  {
    name: "sqs-consumer + pg, 8 consumers",
    messages: 60_000,
    quickMessages: 12_000,
    start: (environment) => startContender("sqs-consumer", ["8"], environment),
  },
  {
    name: "AWS SDK + pg, 16 loops",
    messages: 60_000,
    quickMessages: 12_000,
    start: (environment) => startContender("sdk-loops", [], environment),
  },
  {
    name: "the original design",
    messages: 5_000,
    quickMessages: 1_000,
    start: (environment) => startContender("original", [], environment),
  },
  {
    name: "floor: the HTTP exchanges alone",
    messages: 150_000,
    quickMessages: 30_000,
    storesNothing: true,
    start: (environment) => startContender("floor", [], environment),
  },
];
/** The first messages show how a program starts, the others what it costs. */
const WARM_FROM = 0.2;

/**
 * @param {Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureThroughput(stand, { isQuick, say }) {
  const rounds = isQuick ? 2 : 4;
  /** @type {Map<string, Figures[]>} */
  const taken = new Map(CONTENDERS.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of CONTENDERS) {
      const figures = await takeTurn(stand, contender, isQuick ? contender.quickMessages : contender.messages, round);
      taken.get(contender.name)?.push(figures);
      say(`round ${round} of ${rounds}: ${contender.name}: ${number(figures.rate)} messages/s`);
    }
  }
  return sectionOf(taken, rounds);
}

/**
 * @typedef {object} Figures
 * @property {number} count messages
 * @property {number} rate messages a second, from the first receive to the last delete
 * @property {number | null} cpuWarm µs a message
 * @property {number | null} cpuWhole µs a message, start-up included
 * @property {number} requests per 1,000 messages
 * @property {number | null} peakRssMb
 */

/**
 * @param {Stand} stand
 * @param {Contender} contender
 * @param {number} count
 * @param {number} seed
 * @returns {Promise<Figures>}
 */
async function takeTurn({ fauxqs, databases, environmentFor }, contender, count, seed) {
  const environment = environmentFor(fauxqs.endpoint);
  const databaseUrl = await databases.create(LOGINS, environment);
  const queue = await makeQueue(fauxqs.endpoint, makeEvents(count, { seed }));
  const { marks, firstReceiveAtMs } = await measureRun({
    server: fauxqs,
    count,
    marks: [{ of: "progress", at: count * WARM_FROM }],
    start: () =>
      contender.start({ ...environment, DATABASE_URL: databaseUrl, QUEUE_URL: queue.url, MESSAGES: String(count) }),
  });
  expectCount(
    `rows of ${contender.name}`,
    await countRows(databaseUrl, LOGINS.table),
    contender.storesNothing === true ? 0 : count,
  );
  await queue.remove();
  await databases.drop(databaseUrl);
  const [warm, end] = marks;
  if (warm === undefined || end === undefined) throw new Error("the queue server lost a mark");
  const peakRssKb = end.usage["client"]?.peakRssKb;
  return {
    count,
    rate: (count / (end.atMs - firstReceiveAtMs)) * 1_000,
    cpuWarm: cpuPerMessage(warm, end),
    cpuWhole: cpuPerMessage(undefined, end),
    requests: (end.requests / count) * 1_000,
    peakRssMb: peakRssKb === undefined ? null : peakRssKb / 1_024,
  };
}

/**
 * @param {ReadonlyMap<string, readonly Figures[]>} taken
 * @param {number} rounds
 */
function sectionOf(taken, rounds) {
  const contenders = [...taken].map(([name, figures]) => ({
    name,
    count: figures[0]?.count ?? 0,
    rate: spreadOf(figures.map(({ rate }) => rate)),
    cpuWarm: spreadOf(figures.map(({ cpuWarm }) => cpuWarm)),
    cpuWhole: spreadOf(figures.map(({ cpuWhole }) => cpuWhole)),
    requests: spreadOf(figures.map(({ requests }) => requests)),
    peakRssMb: spreadOf(figures.map(({ peakRssMb }) => peakRssMb)),
  }));
  const [piipe, consumer, consumers, , original] = contenders;
  const besideConsumers = [consumer, consumers].flatMap(
    (each) => ratio(each?.cpuWarm ?? null, piipe?.cpuWarm ?? null) ?? [],
  );
  return {
    title: "Throughput, side by side",
    about:
      `One backlog of login events for each run, ${rounds} rounds in which all take turns: the median (lowest–highest). ` +
      "CPU is the client's; warm: without the start and the first fifth. With the start, a short run looks dearer than a " +
      "long one: the slow have fewer messages. The ratios are to piipe.",
    columns: [
      "",
      "messages",
      "messages/s",
      "ratio",
      "CPU µs a message, warm",
      "ratio",
      "with the start",
      "SQS requests per 1,000",
      "peak RSS MB",
    ],
    rows: contenders.map(({ name, count, rate, cpuWarm, cpuWhole, requests, peakRssMb }) => [
      name,
      number(count),
      range(rate),
      times(ratio(rate, piipe?.rate ?? null)),
      range(cpuWarm, 1),
      times(ratio(cpuWarm, piipe?.cpuWarm ?? null)),
      range(cpuWhole, 1),
      range(requests),
      range(peakRssMb),
    ]),
    goals: [
      judge("cpuWarm", piipe?.cpuWarm?.median ?? null),
      judge("cpuBesideConsumer", besideConsumers.length === 0 ? null : Math.min(...besideConsumers)),
      judge("cpuBesideOriginal", ratio(original?.cpuWarm ?? null, piipe?.cpuWarm ?? null)),
      judge("requests", piipe?.requests?.median ?? null),
    ],
    data: contenders,
  };
}
