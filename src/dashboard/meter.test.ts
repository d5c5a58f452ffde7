import { describe, expect, it } from "vitest";
import { liveWorker } from "../../tests/support/live-worker.ts";
import { Meter } from "./meter.ts";

const none = { eventsPerBatch: null, processMicrosPerMessage: null, writeMs: null, settleMs: null };

describe("the meter", () => {
  it("says that nothing happened where nothing did, also without a worker", () => {
    const idle = { receivedPerSecond: 0, storedPerSecond: 0, lagMs: 0, inFlight: 0, ...none };
    const meter = new Meter();
    expect(meter.measure([], null, 5)).toEqual({ atMs: 5, visible: null, ...idle });
    expect(meter.measure([liveWorker()], 3, 6)).toEqual({ atMs: 6, visible: 3, ...idle });
  });

  it("adds up the workers, and takes the worst lag", () => {
    const one = liveWorker({}, { receivedPerSecond: 10.1, storedPerSecond: 9, lagMs: 400, inFlight: 5 });
    const other = liveWorker({}, { receivedPerSecond: 20.2, storedPerSecond: 1, lagMs: 900.4, inFlight: 7 });
    expect(new Meter().measure([one, other], null, 1)).toMatchObject({
      receivedPerSecond: 30.3,
      storedPerSecond: 10,
      lagMs: 900,
      inFlight: 12,
    });
  });

  it("gives the means since the sample before, over all workers", () => {
    const meter = new Meter();
    const first = liveWorker(
      {},
      {
        batches: 2,
        batchedEvents: 20,
        process: { count: 20, sumMs: 2 },
        write: { count: 2, sumMs: 30 },
        settle: { count: 2, sumMs: 8 },
      },
    );
    expect(meter.measure([first], null, 1)).toMatchObject({
      eventsPerBatch: 10,
      processMicrosPerMessage: 100,
      writeMs: 15,
      settleMs: 4,
    });
    expect(meter.measure([first], null, 2)).toMatchObject(none);
    const grown = {
      ...first,
      figures: { ...first.figures, batches: 3, batchedEvents: 40, write: { count: 3, sumMs: 70 } },
    };
    const joined = liveWorker({}, { batches: 1, batchedEvents: 60, write: { count: 1, sumMs: 20 } });
    expect(meter.measure([grown, joined], null, 3)).toMatchObject({
      eventsPerBatch: 40,
      writeMs: 30,
      settleMs: null,
    });
  });

  it("is not misled by a worker that ended", () => {
    const meter = new Meter();
    const gone = liveWorker({}, { batches: 9, batchedEvents: 90 });
    const stays = liveWorker({}, { batches: 1, batchedEvents: 1 });
    meter.measure([gone, stays], null, 1);
    expect(meter.measure([stays], null, 2)).toMatchObject(none);
  });
});
