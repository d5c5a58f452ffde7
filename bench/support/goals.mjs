/** The figures to reach. A missed one is told, and fails nothing. */

/** @typedef {{ what: string, sense: "at most" | "at least", limit: number, unit: string }} Goal */
/** @typedef {Goal & { measured: number | null, met: boolean | null }} GoalResult */

/** @satisfies {Record<string, Goal>} */
const GOALS = {
  cpuWarm: { what: "CPU of piipe, warm", sense: "at most", limit: 30, unit: "µs a message" },
  start: { what: "CPU of piipe until its first receive", sense: "at most", limit: 350, unit: "ms" },
  cpuBesideGo: { what: "CPU of piipe by that of the Go program, warm", sense: "at most", limit: 0.6, unit: "times" },
  rateBesideGo: { what: "rate of piipe by that of the Go program", sense: "at least", limit: 1.3, unit: "times" },
  cpuWholeBesideGo: {
    what: "CPU of piipe by that of the Go program, with the start",
    sense: "at most",
    limit: 0.8,
    unit: "times",
  },
  postgresBesideGo: {
    what: "CPU of PostgreSQL under piipe by that under the Go program",
    sense: "at most",
    limit: 2.5,
    unit: "times",
  },
  cpuBesideConsumer: {
    what: "CPU of sqs-consumer + pg, 8 consumers, by that of piipe, warm",
    sense: "at least",
    limit: 6,
    unit: "times",
  },
  cpuBesideOriginal: {
    what: "CPU of the original design by that of piipe, warm",
    sense: "at least",
    limit: 40,
    unit: "times",
  },
  requests: { what: "SQS requests with a backlog", sense: "at most", limit: 205, unit: "per 1,000 messages" },
  latencyMedian: { what: "sent to visible, p50", sense: "at most", limit: 60, unit: "ms" },
  latencyP99: { what: "sent to visible, p99", sense: "at most", limit: 250, unit: "ms" },
  idleReceives: { what: "receives from an empty queue", sense: "at most", limit: 3, unit: "a minute" },
  ramp: { what: "from idle to full rate", sense: "at most", limit: 5, unit: "s" },
  memory: { what: "peak RSS at full rate, 600-byte messages", sense: "at most", limit: 200, unit: "MB" },
  growth: { what: "CPU a message, a later figure by an earlier one", sense: "at most", limit: 1.2, unit: "times" },
  ledgerGrowth: {
    what: "CPU a message with a full ledger by that with an empty one",
    sense: "at most",
    limit: 1.2,
    unit: "times",
  },
  ledgerGrowthDatabase: {
    what: "CPU of PostgreSQL a message with a full ledger by that with an empty one",
    sense: "at most",
    limit: 1.2,
    unit: "times",
  },
  dashboard: {
    what: "CPU of piipe with the dashboard watched, beyond that without",
    sense: "at most",
    limit: 2,
    unit: "%",
  },
  workers: { what: "rate of two workers by that of one", sense: "at least", limit: 1.6, unit: "times" },
};

/**
 * @param {keyof typeof GOALS} name
 * @param {number | null} measured
 * @returns {GoalResult}
 */
export function judge(name, measured) {
  const goal = GOALS[name];
  const met = measured === null ? null : goal.sense === "at most" ? measured <= goal.limit : measured >= goal.limit;
  return { ...goal, measured, met };
}
