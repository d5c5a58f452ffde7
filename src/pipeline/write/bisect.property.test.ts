import fc from "fast-check";
import { expect, test } from "vitest";

import { PiipeError } from "../../errors.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import type { MaskedRecord, WriteOutcome } from "../contracts.ts";
import { bisect } from "./bisect.ts";

const DECLARED = new Set(["t"]);

function refusal(column: string | null): DatabaseFailure {
  return new DatabaseFailure(
    { fate: "bisect", code: "database.refused", sentence: "refused" },
    { code: "23502", schema: "public", table: "events", column, constraint: null },
    "writing",
  );
}

function recordsOf(size: number): MaskedRecord[] {
  return Array.from(
    { length: size },
    (_, n) => ({ id: String(n), sentAtMs: 0, values: [n] }) as unknown as MaskedRecord,
  );
}

test("whatever rows are bad, they alone are rejected, and every other is written exactly once", async () => {
  const badRows = fc
    .integer({ min: 1, max: 120 })
    .chain((size) => fc.tuple(fc.constant(size), fc.uniqueArray(fc.nat(size - 1), { maxLength: size })));
  await fc.assert(
    fc.asyncProperty(badRows, async ([size, bad]) => {
      const isBad = new Set(bad.map(String));
      const written: string[] = [];
      let transactions = 0;
      const outcomes = await bisect(recordsOf(size), DECLARED, async (part) => {
        transactions += 1;
        if (part.some(({ id }) => isBad.has(id))) throw refusal("t");
        written.push(...part.map(({ id }) => id));
        return part.map((): WriteOutcome => ({ kind: "stored" }));
      });
      expect(outcomes.map(({ kind }) => kind)).toEqual(
        recordsOf(size).map(({ id }) => (isBad.has(id) ? "rejected" : "stored")),
      );
      expect(written).toEqual(recordsOf(size).flatMap(({ id }) => (isBad.has(id) ? [] : [id])));
      // Each bad row costs at most its whole path down, and the sibling at each step.
      expect(transactions).toBeLessThanOrEqual(1 + bad.length * 2 * Math.ceil(Math.log2(size)));
    }),
  );
});

test("the path of a rejection is the column when it is declared", async () => {
  const outcomes = await bisect(recordsOf(1), DECLARED, () => Promise.reject(refusal("t")));
  expect(outcomes).toEqual([{ kind: "rejected", rejection: { code: "database.constraint", path: "t" } }]);
});

test.each([
  ["a lost connection", new PiipeError("database.unreachable", "lost", { retryable: true })],
  ["NOT NULL on a column that nobody fills", refusal("other")],
  ["a bug", new TypeError("bug")],
])("%s ends the search", async (_, error) => {
  let writes = 0;
  const write = (): Promise<never> => {
    writes += 1;
    return Promise.reject(error);
  };
  await expect(bisect(recordsOf(8), DECLARED, write)).rejects.toBe(error);
  expect(writes).toBe(1);
});
