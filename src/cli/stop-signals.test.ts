import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Ending } from "./stop-signals.ts";

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

describe("Ending", () => {
  it("cuts a drain short at its limit", async () => {
    const ending = new Ending(1);
    ending.drain();
    expect(ending.stop.aborted).toBe(true);
    expect(ending.abort.aborted).toBe(false);
    while (!ending.abort.aborted) await sleep(1);
  });

  it("is a stop as well when it is cut short at once", () => {
    const ending = new Ending(60_000);
    ending.abortNow();
    expect(ending.stop.aborted).toBe(true);
    expect(ending.abort.aborted).toBe(true);
    ending.close();
  });

  it("keeps no process alive once it is closed, whatever is asked of it then", () => {
    const before = timers();
    const begun = new Ending(60_000);
    begun.drain();
    begun.close();
    const ended = new Ending(60_000);
    ended.close();
    ended.drain();
    expect(timers()).toBe(before);
    expect(ended.stop.aborted).toBe(false);
  });
});
