import { expect, test } from "vitest";
import { PiipeError } from "../../errors.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { PostgresPool, StatementResult } from "../../postgres/connection.ts";
import { dialectOf } from "../../postgres/dialect.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import { keepLedger } from "./ledger-maintenance.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOW_MS = Date.UTC(2026, 5, 15, 12);

interface Ledger {
  /** Rows that are too old. */
  expired: number;
  /** Statements that delete fail from this one on. */
  failFrom: number;
}

/** A ledger without partitions that deletes as many rows at a time as it is asked to. */
function poolOver(ledger: Ledger): PostgresPool {
  const answer = (rows: StatementResult["rows"], rowCount = rows.length): StatementResult => ({
    command: "",
    rowCount,
    rows,
  });
  let deletes = 0;
  const query: PostgresPool["query"] = async (_doing, text) => {
    if (text.includes("pg_inherits")) return answer([{ kind: "r", now_ms: String(NOW_MS), partitions: "[]" }]);
    if (text.includes("advisory")) return answer([{ locked: "t" }]);
    if (text === "COMMIT") return { ...answer([]), command: "COMMIT" };
    if (!text.startsWith("DELETE")) return answer([]);
    deletes += 1;
    if (deletes >= ledger.failFrom) throw new PiipeError("database.denied", "denied");
    const deleted = Math.min(ledger.expired, Number(/LIMIT (\d+)/.exec(text)?.[1]));
    ledger.expired -= deleted;
    return answer([], deleted);
  };
  const session = { path: null, dialect: dialectOf("postgresql"), sendsSettings: true };
  return {
    place: { address: "", database: "", user: "" },
    dialect: async () => session.dialect,
    connect: async () => ({
      link: { tls: null, processId: null, address: "" },
      session,
      query,
      release: () => {},
      destroy: () => {},
    }),
    query,
    close: async () => {},
  };
}

/** Lets it sleep so often, then stops it. */
async function keep(ledger: Ledger, sleeps: number): Promise<{ delays: number[]; events: TelemetryEvent[] }> {
  const delays: number[] = [];
  const events: TelemetryEvent[] = [];
  const stop = new AbortController();
  const clock: Clock = {
    nowMs: () => NOW_MS,
    elapsedMs: () => 0,
    random: () => 0,
    async sleep(delayMs) {
      delays.push(delayMs);
      if (delays.length === sleeps) stop.abort();
    },
  };
  await keepLedger(poolOver(ledger), clock, (event) => events.push(event), stop.signal);
  return { delays, events };
}

test("it comes back every hour", async () => {
  const { delays } = await keep({ expired: 30_000, failFrom: Infinity }, 3);
  expect(delays).toEqual([HOUR_MS, HOUR_MS, HOUR_MS]);
});

test("it comes back soon until a backlog of rows is gone, then every hour", async () => {
  const ledger = { expired: 1_200_000, failFrom: Infinity };
  const { delays, events } = await keep(ledger, 4);
  expect(delays.map((delayMs) => delayMs < MINUTE_MS)).toEqual([true, true, false, false]);
  expect(delays[2]).toBe(HOUR_MS);
  expect(ledger.expired).toBe(0);
  expect(events.map((event) => event.type === "ledger.maintained" && event.pruned)).toEqual([
    500_000, 500_000, 200_000,
  ]);
});

test("a failure amid a backlog is tried again soon, one that lets nothing happen every hour", async () => {
  const { delays, events } = await keep({ expired: 1_200_000, failFrom: 60 }, 3);
  expect(delays.map((delayMs) => delayMs < MINUTE_MS)).toEqual([true, true, false]);
  expect(events.map(({ type }) => type)).toEqual([
    "ledger.maintained",
    "ledger.maintained",
    "ledger.maintenance-failed",
    "ledger.maintenance-failed",
  ]);
});
