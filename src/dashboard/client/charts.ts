import { formatCount, formatDuration, formatRate } from "./format.ts";
import type { Pick } from "./samples.ts";

export interface ChartLine {
  readonly label: string;
  readonly pick: Pick;
}

export interface ChartSpec {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
  /** The distances that the axis may have between its marks. */
  readonly steps: number[];
  /** The axis never ends below it: nothing looks like much otherwise. */
  readonly topMin: number;
}

const WHOLE_STEPS = powersOfTen(0, 10);
/** In milliseconds: decimal below a minute, then what clocks have. */
const DURATION_STEPS = [
  ...powersOfTen(-3, 3),
  ...[10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800, 432_000].map(
    (seconds) => seconds * 1_000,
  ),
];

/** What the overview draws, in reading order. */
export const CHARTS: readonly ChartSpec[] = [
  {
    title: "Throughput",
    unit: "events a second",
    lines: [
      { label: "Stored", pick: (sample) => sample.storedPerSecond },
      { label: "Received", pick: (sample) => sample.receivedPerSecond },
    ],
    format: formatRate,
    steps: WHOLE_STEPS,
    topMin: 10,
  },
  {
    title: "Lag",
    unit: "age of the oldest event not stored",
    lines: [{ label: "Lag", pick: (sample) => sample.lagMs }],
    format: formatDuration,
    steps: DURATION_STEPS,
    topMin: 1_000,
  },
  {
    title: "Queue",
    unit: "messages",
    lines: [
      { label: "Waiting", pick: (sample) => sample.visible },
      { label: "In flight", pick: (sample) => sample.inFlight },
    ],
    format: formatCount,
    steps: WHOLE_STEPS,
    topMin: 10,
  },
  {
    title: "Writing and settling",
    unit: "a batch",
    lines: [
      { label: "Write", pick: (sample) => sample.writeMs },
      { label: "Settle", pick: (sample) => sample.settleMs },
    ],
    format: formatDuration,
    steps: DURATION_STEPS,
    topMin: 10,
  },
  {
    title: "Decoding and masking",
    unit: "a message",
    lines: [
      {
        label: "Process",
        pick: ({ processMicrosPerMessage: micros }) => (micros === null ? null : micros / 1_000),
      },
    ],
    format: formatDuration,
    steps: DURATION_STEPS,
    topMin: 0.05,
  },
  {
    title: "Batch size",
    unit: "events a transaction",
    lines: [{ label: "Events", pick: (sample) => sample.eventsPerBatch }],
    format: formatRate,
    steps: WHOLE_STEPS,
    topMin: 10,
  },
];

/** 1, 2 and 5 times each power. */
function powersOfTen(from: number, to: number): number[] {
  const powers = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  return powers.flatMap((power) => [power, 2 * power, 5 * power]);
}
