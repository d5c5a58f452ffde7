/** "N % of the messages are visible in the table within S seconds", and what has to carry it. */
export interface ScaleDemand {
  readonly percent: PromisedPercent;
  readonly withinSeconds: number;
  /** The most messages a second that arrive. */
  readonly peakPerSecond: number;
  /** Messages a second that one worker has been seen to store. */
  readonly workerPerSecond: number;
  /** `sink.postgres.maxConnections`. */
  readonly maxConnections: number;
}

export interface ScalePlan extends ScaleDemand {
  /** Messages that one worker may have before it, waiting and in flight, when another is started. */
  readonly queueLength: number;
  readonly workersMax: number;
  /** Those of all workers, and of one more: while one drains, another starts in its place. */
  readonly connections: number;
}

/**
 * From a backlog to the worker that it calls for: KEDA looks every 10 s, the autoscaler acts every 15 s, a worker takes 5 s
 * to start. A message may wait as long as that before anything can be done for it.
 */
export const SCALING_SECONDS = 30;

/**
 * Thousandths of ln(100 / (100 − N)), rounded up: SQS promises no order, and where messages are taken at random their age
 * falls off exponentially. N % of them are younger than this many times the mean age. Whole numbers, and these percentages
 * alone, because the Helm chart computes the same with what its templates have.
 */
const AGE_FACTORS = { "90": 2303, "95": 2996, "99": 4606, "99.9": 6908 } as const;

export const PROMISED_PERCENTS = [90, 95, 99, 99.9] as const;
export type PromisedPercent = (typeof PROMISED_PERCENTS)[number];

/** `withinSeconds` must be more than `SCALING_SECONDS`. All numbers but the percentage are whole, and above 0. */
export function planScale(demand: ScaleDemand): ScalePlan {
  const { percent, withinSeconds, peakPerSecond, workerPerSecond, maxConnections } = demand;
  // What came while workers were started is to be worked off within the promised time, beside what comes then.
  const workersMax = Math.ceil((peakPerSecond * (withinSeconds + SCALING_SECONDS)) / (workerPerSecond * withinSeconds));
  return {
    ...demand,
    queueLength: Math.max(
      1,
      Math.floor((workerPerSecond * (withinSeconds - SCALING_SECONDS) * 1000) / AGE_FACTORS[`${percent}`]),
    ),
    workersMax,
    connections: (workersMax + 1) * maxConnections,
  };
}
