import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Sample } from "../../api.ts";
import type { ChartLine, ChartSpec } from "../charts.ts";
import { describeSpan, latest, loneIndexes, spanMsOf, summarize, toColumns } from "../samples.ts";
import { theme } from "../theme.ts";

/** Where the pointer is, on every chart at once: seconds since 1970; null: nowhere. */
const pointedAt = signal<number | null>(null);

const HEIGHT_PX = 150;
const LINE_COLOURS = ["--line-1", "--line-2"] as const;
/** Seconds that marks may be apart. */
const TIME_STEPS = [5, 10, 15, 30, 60, 120, 180, 300];
const FONT = "11px system-ui, sans-serif";

/** The table below the drawing says the same in words. */
export function Chart({ spec, samples }: { readonly spec: ChartSpec; readonly samples: readonly Sample[] }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const colours = theme.value;

  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const made = new uPlot(optionsOf(spec, element), [[]], element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [spec]);
  useEffect(() => {
    const columns = toColumns(
      samples,
      spec.lines.map(({ pick }) => pick),
    );
    plot.current?.setData(columns as unknown as uPlot.AlignedData);
  }, [spec, samples]);
  useEffect(() => plot.current?.redraw(false), [colours]);

  return (
    <figure class="card chart">
      <figcaption>
        <h3>{spec.title}</h3> <span>{spec.unit}</span>
      </figcaption>
      <div ref={host} class="drawing" aria-hidden="true" />
      <LineTable spec={spec} samples={samples} />
    </figure>
  );
}

function LineTable({ spec, samples }: { readonly spec: ChartSpec; readonly samples: readonly Sample[] }) {
  const atSeconds = pointedAt.value;
  const pointed = atSeconds === null ? undefined : samples.find(({ atMs }) => atMs / 1_000 === atSeconds);
  const show = (value: number | null | undefined): string =>
    value === null || value === undefined ? "–" : spec.format(value);
  const now = (line: ChartLine): number | null =>
    pointed === undefined ? latest(samples, line.pick) : line.pick(pointed);
  return (
    <table class="lines">
      <caption class="unseen">{`${spec.title}, ${spec.unit}, in the ${describeSpan(samples)}`}</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="unseen">Line</span>
          </th>
          <th scope="col">{pointed === undefined ? "now" : clock(pointed.atMs)}</th>
          <th scope="col">mean</th>
          <th scope="col">highest</th>
        </tr>
      </thead>
      <tbody>
        {spec.lines.map((line, index) => {
          const summary = summarize(samples, line.pick);
          return (
            <tr key={line.label}>
              <th scope="row">
                <span class={`key key-${index + 1}`} aria-hidden="true" />
                {line.label}
              </th>
              <td>{show(now(line))}</td>
              <td>{show(summary?.mean)}</td>
              <td>{show(summary?.highest)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function optionsOf({ lines, format, steps, topMin }: ChartSpec, element: HTMLElement): uPlot.Options {
  // Read when drawn: the canvas knows nothing of the style sheet, and the theme may change.
  const colour = (name: string): string => getComputedStyle(element).getPropertyValue(name);
  const axis: uPlot.Axis = {
    stroke: () => colour("--muted"),
    font: FONT,
    grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "piipe" }, points: { size: 7 } },
    scales: {
      x: { time: true, range: (_plot, from, to) => timeRange(from ?? 0, to ?? 0) },
      y: { range: (_plot, _from, to) => [0, Math.max(to * 1.1, topMin)] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 60, size: 24, incrs: TIME_STEPS, values: showTimes },
      { ...axis, space: 34, size: 58, incrs: steps, values: (_plot, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...lines.map(({ label }, index) => {
        const stroke = (): string => colour(LINE_COLOURS[index] ?? LINE_COLOURS[0]);
        return {
          label,
          stroke,
          ...(index === 0 ? { fill: () => colour("--line-1-fill") } : { dash: [5, 4] }),
          width: 1.75,
          points: {
            show: false,
            size: 4,
            fill: stroke,
            filter: (plot, line) => loneIndexes(Array.from(plot.data[line] ?? [])),
          },
        } satisfies uPlot.Series;
      }),
    ],
    hooks: {
      setCursor: [
        ({ cursor, data }) => {
          pointedAt.value = typeof cursor.idx === "number" ? (data[0][cursor.idx] ?? null) : null;
        },
      ],
    },
  };
}

/** In seconds, as the data that it is made for; their fractions are not exact. */
function timeRange(from: number, to: number): [number, number] {
  return [to - spanMsOf(Math.round(from * 1_000), Math.round(to * 1_000)) / 1_000, to];
}

/** With seconds where marks are less than a minute apart. */
function showTimes(_plot: uPlot, times: number[], _axis: number, _space: number, apart: number): string[] {
  return times.map((seconds) => (apart < 60 ? TO_SECOND : TO_MINUTE).format(seconds * 1_000));
}

const TO_MINUTE = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const TO_SECOND = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const clock = (atMs: number): string => TO_SECOND.format(atMs);
