import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { scriptedTerminal } from "../../tests/support/scripted-terminal.ts";
import type { Totals } from "../pipeline/totals.ts";
import type { TelemetryEvent } from "../telemetry/events.ts";
import { ProgressBar } from "./progress-bar.ts";
import { RunProgress, showsBar, withoutBatches } from "./run-progress.ts";
import type { Terminal } from "./terminal.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface Watched {
  readonly columns?: number;
  readonly environment?: Terminal["environment"];
}

function watched({ columns = 80, environment = { NO_COLOR: "1" } }: Watched = {}) {
  const { terminal, output } = scriptedTerminal({ folder: ".", environment }, { secret: null, confirm: null });
  const lines: string[] = [];
  return {
    terminal: { ...terminal, columns: () => columns, showLine: (text: string) => void lines.push(text) },
    output,
    line: () => lines.at(-1),
    lines,
  };
}

function piped() {
  return scriptedTerminal({ folder: ".", environment: {} }, null);
}

describe("a bar at a terminal", () => {
  it("shows how much is done, how fast, and how long the rest will take", () => {
    const { terminal, line } = watched();
    const bar = new ProgressBar(terminal, "events");
    vi.advanceTimersByTime(2_000);
    bar.update(1_000, 4_000);
    expect(line()).toBe(`${"█".repeat(6)}${"░".repeat(18)} events 1000 of 4000, 500/s, 6 s left`);
    vi.advanceTimersByTime(600_000);
    bar.update(1_204, 4_000);
    expect(line()).toContain("events 1204 of 4000, 2/s, 23 min 18 s left");
  });

  it("shows no share and no remaining time while the total is unknown, nor a time when nothing is left", () => {
    const { terminal, line } = watched();
    const bar = new ProgressBar(terminal, "events");
    vi.advanceTimersByTime(1_000);
    bar.update(10, null);
    expect(line()).toBe(`${"░".repeat(24)} events 10, 10/s`);
    vi.advanceTimersByTime(1_000);
    bar.update(20, 20);
    expect(line()).toBe(`${"█".repeat(24)} events 20 of 20, 10/s`);
  });

  it("has a rate of the work, not of a wait after it", () => {
    const { terminal, line } = watched();
    const bar = new ProgressBar(terminal, "events");
    vi.advanceTimersByTime(1_000);
    bar.update(100, 100);
    vi.advanceTimersByTime(9_000);
    bar.update(100, 100);
    expect(line()).toContain("100/s");
  });

  it("is not drawn more often than anybody sees", () => {
    const { terminal, lines } = watched();
    const bar = new ProgressBar(terminal, "events");
    for (let count = 1; count <= 1_000; count += 1) {
      vi.advanceTimersByTime(1);
      bar.update(count, 1_000);
    }
    expect(lines.length).toBeLessThanOrEqual(1_000 / 80);
  });

  it.each([200, 80, 60, 50, 45, 40, 30, 12, 1])("fits a terminal of %i columns", (columns) => {
    const { terminal, line } = watched({ columns });
    const bar = new ProgressBar(terminal, "messages");
    vi.advanceTimersByTime(1_000);
    bar.update(1_234, 99_999);
    expect(line()?.length).toBeLessThanOrEqual(Math.max(1, columns - 1));
    expect("messages 1234 of 99999, 1234/s, 1 min 21 s left").toContain(line()?.replace(/^[█░]+ /, ""));
  });

  it("ends as a line of its own, with the last state", () => {
    const { terminal, output, line } = watched();
    const bar = new ProgressBar(terminal, "events");
    vi.advanceTimersByTime(1_000);
    bar.update(5, 10);
    bar.finish(10);
    expect(line()).toBe("");
    expect(output.error).toBe(`${"█".repeat(24)} events 10 of 10, 10/s\n`);
  });

  it("is coloured unless NO_COLOR says no", () => {
    const { terminal, line } = watched({ environment: {} });
    const bar = new ProgressBar(terminal, "events");
    vi.advanceTimersByTime(1_000);
    bar.update(5, 10);
    expect(line()).toContain("\u001b[36m█");
  });
});

describe("without a terminal", () => {
  it("a line tells every five seconds, without a control character", () => {
    const { terminal, output } = piped();
    const bar = new ProgressBar(terminal, "events");
    for (let second = 1; second <= 12; second += 1) {
      vi.advanceTimersByTime(1_000);
      bar.update(10 * second, 200);
    }
    bar.finish(200);
    expect(output.error).toBe("events 50 of 200, 10/s, 15 s left\nevents 100 of 200, 10/s, 10 s left\n");
  });
});

describe("the bar of a run", () => {
  const NOTHING: Totals = { received: 0, stored: 0, skipped: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 };

  it("stands in for the lines of batches where a person watches a run that ends, and wants no details", () => {
    const { terminal } = watched();
    expect(showsBar({ untilEmpty: true, logLevel: "info" }, terminal)).toBe(true);
    expect(showsBar({ untilEmpty: true, logLevel: "error" }, terminal)).toBe(true);
    expect(showsBar({ untilEmpty: true, logLevel: "debug" }, terminal)).toBe(false);
    expect(showsBar({ untilEmpty: false, logLevel: "info" }, terminal)).toBe(false);
    expect(showsBar({ untilEmpty: true, logLevel: "info" }, piped().terminal)).toBe(false);
  });

  it("leaves every other event to the log", () => {
    const logged: string[] = [];
    const emit = withoutBatches(({ type }) => logged.push(type));
    const batch = { type: "batch.written", stored: 1, duplicate: 0, quarantined: 0, rejected: 0 } as const;
    const events: readonly TelemetryEvent[] = [
      { type: "pipeline.started", source: "s", table: "t" },
      { ...batch, elapsedMs: 1, oldestSentAtMs: 0, processed: 1, processMs: 1 },
      { type: "pipeline.stopped" },
    ];
    for (const event of events) emit(event);
    expect(logged).toEqual(["pipeline.started", "pipeline.stopped"]);
  });

  it("counts up to what the queue held, and to more when more comes", async () => {
    const { terminal, line, output } = watched();
    let totals: Totals | null = null;
    let depth = 100;
    const progress = new RunProgress(terminal);
    progress.watch(
      () => totals,
      () => Promise.resolve(depth),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    // Nothing has begun.
    expect(line()).toBeUndefined();
    totals = { ...NOTHING, stored: 20, duplicate: 3, quarantined: 1, left: 1, deleted: 24 };
    await vi.advanceTimersByTimeAsync(500);
    expect(line()).toContain("messages 25 of 100");
    depth = 276;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(line()).toContain("messages 25 of 300");
    totals = { ...totals, stored: 299, deleted: 303 };
    progress.close({ isEmpty: true });
    progress.close({ isEmpty: true });
    expect(output.error).toMatch(/^█{24} messages 304 of 304, .*\n$/);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("shows what was not done when it is stopped", async () => {
    const { terminal, output } = watched();
    const progress = new RunProgress(terminal);
    progress.watch(
      () => ({ ...NOTHING, stored: 25, deleted: 25 }),
      () => Promise.resolve(75),
    );
    await vi.advanceTimersByTimeAsync(500);
    progress.close({ isEmpty: false });
    expect(output.error).toContain("messages 25 of 100");
  });

  it("leaves nothing behind when nothing was done, or was never begun", async () => {
    const { terminal, output } = watched();
    const idle = new RunProgress(terminal);
    idle.watch(
      () => NOTHING,
      () => Promise.resolve(0),
    );
    await vi.advanceTimersByTimeAsync(500);
    idle.close({ isEmpty: true });
    new RunProgress(terminal).close({ isEmpty: false });
    expect(output.error).toBe("");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes on without a total when the queue does not tell", async () => {
    const { PiipeError } = await import("../errors.ts");
    const { terminal, line } = watched();
    const progress = new RunProgress(terminal);
    progress.watch(
      () => ({ ...NOTHING, stored: 5, deleted: 5 }),
      () => Promise.reject(new PiipeError("queue.unreachable", "away")),
    );
    await vi.advanceTimersByTimeAsync(500);
    expect(line()).toMatch(/messages 5, \d+\/s$/);
    progress.close({ isEmpty: false });
  });
});
