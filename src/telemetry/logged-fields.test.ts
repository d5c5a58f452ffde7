import { expect, it } from "vitest";
import type { TelemetryEvent } from "./events.ts";
import { createLog } from "./log.ts";
import { loggedFields } from "./logged-fields.ts";

const settled = { type: "deliveries.settled", deleted: 3, released: 0, failed: 0, elapsedMs: 1.25 } as const;

it("a log line holds the fields that its event declares, and no other that came with them", () => {
  const surplus = { body: '{"ip":"203.0.113.7"}', deliveries: [{ id: "m1" }] };
  const event: TelemetryEvent = { ...settled, ...surplus };
  expect(loggedFields(event)).toEqual(settled);
  const lines: string[] = [];
  createLog({ write: (line) => lines.push(line), format: "json", level: "debug" })(event);
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  expect(Object.keys(line).toSorted()).toEqual([
    "deleted",
    "elapsedMs",
    "failed",
    "level",
    "msg",
    "released",
    "time",
    "type",
  ]);
  expect(lines[0]).not.toContain("203.0.113.7");
});

it("a field that is judged as not for the log stays out", () => {
  expect(loggedFields({ type: "config.warning", message: "mask it" })).toEqual({ type: "config.warning" });
});
