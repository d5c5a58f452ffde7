import { expect, it } from "vitest";
import { judgeLedger } from "./judge-server.ts";

const ledger = (partitions: readonly string[], isPartitioned = true, mayMakePartitions = false) => ({
  isPartitioned,
  partitions: new Set(partitions),
  serverNowMs: Date.UTC(2026, 0, 31, 23, 59),
  mayClaimBusinessIds: false,
  mayMakePartitions,
});

it.each([
  ["a user who makes them", ledger([], true, true), "ok", "runs make"],
  ["one table", ledger([], false), "ok", "one table"],
  ["today's and tomorrow's", ledger(["2026-01-31", "2026-02-01"]), "ok", "up to 2026-02-01"],
  ["today's", ledger(["2026-01-30", "2026-01-31"]), "warning", "no partition for 2026-02-01"],
  ["none for today", ledger(["2026-02-01", "2026-02-02"]), "warning", "no partition for 2026-01-31"],
])("with %s", (_, facts, level, text) => {
  expect(judgeLedger(facts)).toMatchObject({ level, text: expect.stringContaining(text) });
});
