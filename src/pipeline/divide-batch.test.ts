import { expect, test } from "vitest";
import { record, refusedEvent } from "../../tests/support/masked-records.ts";
import { delivery } from "../../tests/support/model-source.ts";
import type { BatchOutcome, WriteOutcome } from "./contracts.ts";
import { OpenBatch, divideBatch } from "./open-batch.ts";

const STORED: WriteOutcome = { kind: "stored" };
const QUARANTINED: WriteOutcome = { kind: "quarantined" };
const REJECTED: WriteOutcome = { kind: "rejected", rejection: { code: "database.value", path: null } };

/** Three records, r0 to r2, and one refused event, bad. */
function batch(): OpenBatch {
  const open = new OpenBatch();
  for (const id of ["r0", "r1", "r2"]) open.addRecord(record([1], id), delivery(id, "1"));
  open.addRefused(refusedEvent("bad"), delivery("bad", "x"));
  return open;
}

function divide(outcome: BatchOutcome) {
  const { written, rejected, rest } = divideBatch(batch(), outcome);
  return {
    written: [...written].map(([{ id }, kind]) => `${id} ${kind}`),
    rejected: [...rejected.keys()].map(({ id }) => id),
    rest: rest.deliveries.map(({ id }) => id),
  };
}

test("everything was written, or rejected", () => {
  expect(divide({ records: [STORED, REJECTED, { kind: "duplicate" }], refused: [QUARANTINED] })).toEqual({
    written: ["r0 stored", "r2 duplicate", "bad quarantined"],
    rejected: ["r1"],
    rest: [],
  });
});

test("what follows a rejected record may be left, and the refused events when no record was written", () => {
  expect(divide({ records: [STORED, REJECTED], refused: [QUARANTINED] })).toEqual({
    written: ["r0 stored", "bad quarantined"],
    rejected: ["r1"],
    rest: ["r2"],
  });
  expect(divide({ records: [REJECTED], refused: [] })).toEqual({
    written: [],
    rejected: ["r0"],
    rest: ["r1", "r2", "bad"],
  });
});

test.each<[string, BatchOutcome]>([
  ["too many", { records: [STORED, STORED, STORED, STORED], refused: [QUARANTINED] }],
  ["too few", { records: [STORED, STORED], refused: [QUARANTINED] }],
  ["too few refused events", { records: [STORED, STORED, STORED], refused: [] }],
  ["too many refused events", { records: [REJECTED, REJECTED, REJECTED], refused: [QUARANTINED, QUARANTINED] }],
])("outcomes that match no batch are a bug: %s", (_, outcome) => {
  expect(() => divide(outcome)).toThrow("do not match");
});
