import { describe, expect, it } from "vitest";
import type { TelemetryEvent } from "./events.ts";
import { createLog } from "./log.ts";

const refused: TelemetryEvent = {
  type: "event.refused",
  messageId: "m1",
  code: "field.type",
  path: "ip",
  fate: "quarantine",
};
const written: TelemetryEvent = {
  type: "batch.written",
  stored: 997,
  duplicate: 2,
  quarantined: 1,
  rejected: 0,
  elapsedMs: 12.4,
  oldestSentAtMs: 0,
  processed: 1_000,
  processMs: 3.1,
};

function log(format: "json" | "text", level: "debug" | "info" | "warn" | "error", events: readonly TelemetryEvent[]) {
  const lines: string[] = [];
  const emit = createLog({ write: (line) => lines.push(line), format, level });
  for (const event of events) emit(event);
  return lines;
}

describe("createLog", () => {
  it("writes one JSON object a line for machines", () => {
    const [line = ""] = log("json", "info", [written]);
    expect(line.endsWith("}\n")).toBe(true);
    expect(JSON.parse(line)).toMatchObject({
      level: "info",
      type: "batch.written",
      stored: 997,
      msg: "stored 997, 2 already there, 1 quarantined in 12 ms",
    });
  });

  it("writes the text of a warning once", () => {
    const [line = ""] = log("json", "info", [{ type: "config.warning", message: "mask it" }]);
    expect(JSON.parse(line)).toEqual({
      level: "warn",
      time: expect.any(String) as string,
      type: "config.warning",
      msg: "mask it",
    });
  });

  it("writes a short line for a person", () => {
    expect(log("text", "info", [written])).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d info {2}stored 997, 2 already there, 1 quarantined in 12 ms\n$/),
    ]);
  });

  it("says what a run waits for", () => {
    const [line = ""] = log("json", "info", [{ type: "queue.awaited", count: 3 }]);
    expect(JSON.parse(line)).toMatchObject({
      level: "info",
      type: "queue.awaited",
      count: 3,
      msg: "waiting for messages that another consumer holds, or that are delayed: 3",
    });
  });

  it("says which of several workers writes", () => {
    const lines: string[] = [];
    for (const format of ["json", "text"] as const) {
      createLog({ write: (line) => lines.push(line), format, level: "info", worker: 2 })(written);
    }
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ worker: 2, type: "batch.written" });
    expect(lines[1]).toMatch(/^\[2\] \d\d:\d\d:\d\d info {2}stored 997/);
    expect(JSON.parse(log("json", "info", [written])[0] ?? "")).not.toHaveProperty("worker");
  });

  it.each(["json", "text"] as const)("leaves out what is below the level (%s)", (format) => {
    expect(log(format, "warn", [written])).toEqual([]);
    expect(log(format, "warn", [refused])).toHaveLength(1);
  });

  it("tells of a refusal before its batch is written, and promises no more", () => {
    const [line = ""] = log("text", "warn", [refused]);
    expect(line).toMatch(/; it goes into the quarantine, sealed, or back into the queue if the run ends first\n$/);
  });

  it("does not let a bad producer flood the log, and says how often it happened", () => {
    const lines = log(
      "json",
      "info",
      Array.from({ length: 5_000 }, () => refused),
    );
    expect(lines.map((line) => (JSON.parse(line) as { times?: number }).times)).toEqual([undefined, 10, 100, 1000]);
    expect(
      log(
        "text",
        "info",
        Array.from({ length: 10 }, () => refused),
      )[1],
    ).toContain("(10 times so far)");
  });

  it("warns of suspected values the 1st, 10th and 100th time for each column and kind", () => {
    const suspected = { type: "leak.suspected", column: "note", detector: "email", values: 3 } as const;
    const events = Array.from({ length: 120 }, () => suspected);
    const lines = log("json", "info", [...events, { ...suspected, detector: "ipv4" }]);
    expect(lines.map((line) => JSON.parse(line) as Record<string, unknown>)).toMatchObject([
      { level: "warn", column: "note", detector: "email", values: 3 },
      { detector: "email", times: 10 },
      { detector: "email", times: 100 },
      { detector: "ipv4" },
    ]);
  });

  it.each([
    [{ type: "batch.retried", code: "database.unreachable", sqlState: null, attempt: 1, delayMs: 9 }, written],
    [
      { type: "source.retried", action: "ReceiveMessage", code: "queue.unreachable", attempt: 1, delayMs: 9 },
      { type: "source.recovered", action: "ReceiveMessage" },
    ],
  ] as const)("tells of an outage the 1st, 10th and 100th try, and of the next outage again: %o", (retried, passed) => {
    const outage = Array<TelemetryEvent>(200).fill(retried);
    const ofOne = [undefined, 10, 100];
    const timesOf = (events: readonly TelemetryEvent[]): unknown[] =>
      log("json", "warn", events).map((line) => (JSON.parse(line) as { times?: number }).times);
    expect(timesOf(outage)).toEqual(ofOne);
    expect(timesOf([...outage, passed, ...outage])).toEqual([...ofOne, ...ofOne]);
    // Another cause is told at once.
    expect(timesOf([...outage, { ...retried, code: "database.busy" }])).toEqual([...ofOne, undefined]);
  });

  it("says what to do when the queue is tried for ever with credentials that have expired", () => {
    const retried = { type: "source.retried", action: "ReceiveMessage", attempt: 7, delayMs: 9_000 } as const;
    expect(log("text", "warn", [{ ...retried, code: "queue.credentials" }])[0]).toContain("aws sso login");
    expect(log("text", "warn", [{ ...retried, code: "queue.throttled" }])[0]).toMatch(/again in 9000 ms\n$/);
  });

  it("does not blame the credentials when the server refused the time", () => {
    const retried = { type: "source.retried", action: "ReceiveMessage", attempt: 7, delayMs: 9_000 } as const;
    const [line] = log("text", "warn", [{ ...retried, code: "queue.credentials", isClockOff: true }]);
    expect(line).toContain("clock");
    expect(line).not.toContain("credentials,");
    expect(line).not.toContain("aws sso login");
  });

  it("names the messages whose body is corrupt", () => {
    const corrupt: TelemetryEvent = { type: "delivery.corrupt", count: 2, messageIds: ["id-1", "id-2"] };
    expect(log("text", "warn", [corrupt])[0]).toContain("id-1, id-2");
    expect(JSON.parse(log("json", "warn", [corrupt])[0] ?? "")).toMatchObject({ messageIds: ["id-1", "id-2"] });
  });

  it("warns of rows that the table's triggers keep out the 1st, 10th and 100th time", () => {
    const skipped: TelemetryEvent = { type: "rows.skipped", count: 3 };
    const lines = log("text", "warn", Array<TelemetryEvent>(120).fill(skipped));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain("kept 3 rows out; their messages are deleted");
  });

  it("warns of undeclared fields once", () => {
    const unknown: TelemetryEvent = { type: "fields.unknown", fieldsAdded: 1, fields: 1, events: 3 };
    expect(log("text", "info", [unknown, unknown, unknown])).toHaveLength(1);
  });
});
