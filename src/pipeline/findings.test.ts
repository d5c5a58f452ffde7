import { describe, expect, test } from "vitest";
import { record } from "../../tests/support/masked-records.ts";
import type { MaskedRecord, RawRecord, Suspicion } from "./contracts.ts";
import { ReceiptFindings, NewFields } from "./findings.ts";

const raw = (...unknownFields: readonly string[]): RawRecord => ({
  id: "m",
  sentAtMs: 0,
  rows: [],
  unknownFields,
  businessId: null,
});
const masked = (...suspicions: readonly Suspicion[]): MaskedRecord => ({ ...record([]), suspicions });

function eventsOf(newFields: NewFields, ...pairs: ReadonlyArray<readonly [RawRecord, MaskedRecord]>) {
  const findings = new ReceiptFindings();
  for (const [before, after] of pairs) findings.add(before, after);
  return [...findings.events(newFields)];
}

describe("fields that no column declares", () => {
  test("are counted by event and by name, over all receipts, and never named", () => {
    const newFields = new NewFields();
    const first = eventsOf(
      newFields,
      [raw("alice@example.com", "b"), masked()],
      [raw("b"), masked()],
      [raw(), masked()],
    );
    expect(first).toStrictEqual([{ type: "fields.unknown", events: 2, fieldsAdded: 2, fields: 2 }]);
    const second = eventsOf(newFields, [raw("b", "c"), masked()]);
    expect(second).toStrictEqual([{ type: "fields.unknown", events: 1, fieldsAdded: 1, fields: 3 }]);
  });

  test("are told apart up to a thousand names", () => {
    const newFields = new NewFields();
    const names = Array.from({ length: 2_000 }, (_, index) => `field-${index}`);
    expect(eventsOf(newFields, [raw(...names), masked()])).toMatchObject([{ fieldsAdded: 1_000, fields: 1_000 }]);
  });
});

test("suspicions are told once for each column and detector", () => {
  const events = eventsOf(
    new NewFields(),
    [raw(), masked({ column: "a", detector: "email" }, { column: "b", detector: "email" })],
    [raw(), masked({ column: "a", detector: "email" })],
  );
  expect(events).toStrictEqual([
    { type: "leak.suspected", column: "a", detector: "email", values: 2 },
    { type: "leak.suspected", column: "b", detector: "email", values: 1 },
  ]);
});

test("nothing found is nothing told", () => {
  expect(eventsOf(new NewFields(), [raw(), masked()])).toStrictEqual([]);
});
