import { countRows } from "../support/databases.mjs";
/** piipe beside its peers, on the same servers, taking turns. */
import { makeEvents } from "../support/events.mjs";
import { buildForeignPeers } from "../support/foreign-peers.mjs";
import { judge } from "../support/goals.mjs";
import { cpuPerMessage, expectCount, measureRun } from "../support/measure.mjs";
import { LOGINS } from "../support/pipelines.mjs";
import { startContender, startPiipe, startProgram } from "../support/program.mjs";
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
 * @property {boolean} [endsItself] default: true
 * @property {keyof import("../support/foreign-peers.mjs").ForeignPeers} [builtAs] in another language
 * @property {(environment: Record<string, string>, command: readonly string[]) => Promise<import("../support/program.mjs").Program>} start
 */

const PIIPE = "piipe";
const GO = "Go, AWS SDK and COPY of 500";
const CONSUMERS = "sqs-consumer + pg, 8 consumers";
const ORIGINAL = "the original design";

/** @type {readonly Contender[]} */
const CONTENDERS = [
  {
    name: PIIPE,
    messages: 150_000,
    quickMessages: 30_000,
    start: (environment) => startPiipe(["run", "--config", LOGINS.config, "--until-empty"], environment),
  },
  {
    name: GO,
    messages: 150_000,
    quickMessages: 30_000,
    builtAs: "go",
    start: (environment, command) => startProgram(command, environment),
  },
  {
    name: "Bento",
    messages: 60_000,
    quickMessages: 12_000,
    builtAs: "bento",
    endsItself: false,
    start: (environment, command) => startProgram(command, environment),
  },
  {
    name: "sqs-consumer + pg",
    messages: 20_000,
    quickMessages: 6_000,
    start: (environment) => startContender("sqs-consumer", ["1"], environment),
  },
  {
    name: CONSUMERS,
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
    name: "Python, boto3 and COPY, 8 threads",
    messages: 20_000,
    quickMessages: 6_000,
    builtAs: "python",
    start: (environment, command) => startProgram(command, environment),
  },
  {
    name: ORIGINAL,
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
/** So many are counted with the start, whatever else a run has: a longer one would hide it. */
const START_MESSAGES = 30_000;

/**
 * @param {Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureThroughput(stand, { isQuick, say }) {
  const rounds = isQuick ? 2 : 4;
  // The first time, building them takes longer than a quick run.
  const foreignPeers = isQuick ? null : buildForeignPeers(say);
  /** @type {string[]} */
  const missing = [];
  const contenders = CONTENDERS.flatMap((contender) => {
    const peer =
      contender.builtAs === undefined
        ? { command: [] }
        : (foreignPeers?.[contender.builtAs] ?? { missing: "in a quick run nothing is built" });
    if ("command" in peer) return { ...contender, command: peer.command };
    missing.push(`${contender.name} (${peer.missing})`);
    return [];
  });
  for (const each of missing) say(`left out: ${each}`);
  /** @type {Map<string, Figures[]>} */
  const taken = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of contenders) {
      const figures = await takeTurn(stand, contender, isQuick ? contender.quickMessages : contender.messages, round);
      taken.get(contender.name)?.push(figures);
      say(`round ${round} of ${rounds}: ${contender.name}: ${number(figures.rate)} messages/s`);
    }
  }
  return sectionOf(taken, rounds, missing);
}

/**
 * @typedef {object} Figures
 * @property {number} count messages
 * @property {number} rate messages a second, from the first receive to the last delete
 * @property {number | null} cpuWarm µs a message
 * @property {number | null} cpuWhole µs a message, start-up included
 * @property {number | null} startMs CPU until the first receive
 * @property {number | null} postgresCpu µs a message, warm
 * @property {number} requests per 1,000 messages
 * @property {number | null} peakRssMb
 */

/**
 * @param {Stand} stand
 * @param {Contender & { command: readonly string[] }} contender
 * @param {number} count
 * @param {number} seed
 * @returns {Promise<Figures>}
 */
async function takeTurn({ fauxqs, databases, environmentFor, postgresPid }, contender, count, seed) {
  const environment = environmentFor(fauxqs.endpoint);
  const databaseUrl = await databases.create(LOGINS, environment);
  const queue = await makeQueue(fauxqs.endpoint, makeEvents(count, { seed }));
  const warmFrom = count * WARM_FROM;
  const points = [warmFrom, ...(count > START_MESSAGES ? [START_MESSAGES] : [])].toSorted((a, b) => a - b);
  const { marks, firstReceiveAtMs, startCpuUs } = await measureRun({
    server: fauxqs,
    count,
    marks: points.map((at) => ({ of: "progress", at })),
    start: () =>
      contender.start(
        { ...environment, DATABASE_URL: databaseUrl, QUEUE_URL: queue.url, MESSAGES: String(count) },
        contender.command,
      ),
    ...(contender.endsItself === false && { endsItself: false }),
    pids: { postgres: postgresPid },
  });
  expectCount(
    `rows of ${contender.name}`,
    await countRows(databaseUrl, LOGINS.table),
    contender.storesNothing === true ? 0 : count,
  );
  await queue.remove();
  await databases.drop(databaseUrl);
  const warm = marks.find(({ at }) => at === warmFrom);
  const end = marks.at(-1);
  if (warm === undefined || end === undefined) throw new Error("the queue server lost a mark");
  const peakRssKb = end.usage["client"]?.peakRssKb;
  return {
    count,
    rate: (count / (end.atMs - firstReceiveAtMs)) * 1_000,
    cpuWarm: cpuPerMessage(warm, end),
    cpuWhole: cpuPerMessage(undefined, marks.find(({ at }) => at === START_MESSAGES) ?? end),
    startMs: startCpuUs === null ? null : startCpuUs / 1_000,
    postgresCpu: cpuPerMessage(warm, end, "postgres"),
    requests: (end.requests / count) * 1_000,
    peakRssMb: peakRssKb === undefined ? null : peakRssKb / 1_024,
  };
}

/**
 * @param {ReadonlyMap<string, readonly Figures[]>} taken
 * @param {number} rounds
 * @param {readonly string[]} missing the contenders that were left out, and why
 */
function sectionOf(taken, rounds, missing) {
  const contenders = [...taken].map(([name, figures]) => ({
    name,
    count: figures[0]?.count ?? 0,
    rate: spreadOf(figures.map(({ rate }) => rate)),
    cpuWarm: spreadOf(figures.map(({ cpuWarm }) => cpuWarm)),
    cpuWhole: spreadOf(figures.map(({ cpuWhole }) => cpuWhole)),
    startMs: spreadOf(figures.map(({ startMs }) => startMs)),
    postgresCpu: spreadOf(figures.map(({ postgresCpu }) => postgresCpu)),
    requests: spreadOf(figures.map(({ requests }) => requests)),
    peakRssMb: spreadOf(figures.map(({ peakRssMb }) => peakRssMb)),
  }));
  const named = (/** @type {string} */ name) => contenders.find((each) => each.name === name);
  const [piipe, go, consumers, original] = [PIIPE, GO, CONSUMERS, ORIGINAL].map(named);
  /** @typedef {"rate" | "cpuWarm" | "cpuWhole" | "postgresCpu"} Compared */
  const besideGo = (/** @type {Compared} */ figure) => ratio(piipe?.[figure] ?? null, go?.[figure] ?? null);
  return {
    title: "Throughput, side by side",
    about:
      `One backlog of login events for each run, ${rounds} rounds in which all take turns: the median (lowest–highest). ` +
      "CPU is the client's, but for one column; warm: without the start and the first fifth. With the start: of the first " +
      `${number(START_MESSAGES)} messages, or of all where there are fewer, which look the dearer for it. The start ends with ` +
      "the first receive. The ratios are to piipe." +
      (missing.length === 0 ? "" : ` Left out: ${missing.join("; ")}.`),
    columns: [
      "",
      "messages",
      "messages/s",
      "ratio",
      "CPU µs a message, warm",
      "ratio",
      "with the start",
      "the start, ms",
      "PostgreSQL's CPU, warm",
      "SQS requests per 1,000",
      "peak RSS MB",
    ],
    rows: contenders.map((each) => [
      each.name,
      number(each.count),
      range(each.rate),
      times(ratio(each.rate, piipe?.rate ?? null)),
      range(each.cpuWarm, 1),
      times(ratio(each.cpuWarm, piipe?.cpuWarm ?? null)),
      range(each.cpuWhole, 1),
      range(each.startMs),
      range(each.postgresCpu, 1),
      range(each.requests),
      range(each.peakRssMb),
    ]),
    goals: [
      judge("cpuWarm", piipe?.cpuWarm?.median ?? null),
      judge("start", piipe?.startMs?.median ?? null),
      judge("cpuBesideGo", besideGo("cpuWarm")),
      judge("rateBesideGo", besideGo("rate")),
      judge("cpuWholeBesideGo", besideGo("cpuWhole")),
      judge("postgresBesideGo", besideGo("postgresCpu")),
      judge("cpuBesideConsumer", ratio(consumers?.cpuWarm ?? null, piipe?.cpuWarm ?? null)),
      judge("cpuBesideOriginal", ratio(original?.cpuWarm ?? null, piipe?.cpuWarm ?? null)),
      judge("requests", piipe?.requests?.median ?? null),
    ],
    data: contenders,
  };
}
