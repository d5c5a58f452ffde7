import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRandom } from "../../tests/support/seeded-random.ts";
import { PiipeError } from "../errors.ts";
import type { MaskedRecord, WriteOutcome } from "../pipeline/contracts.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";
import { bisect, type BisectOptions } from "./bisect.ts";

const DECLARED = new Set(["t"]);

function refusal(column: string | null): DatabaseFailure {
  return new DatabaseFailure(
    { fate: "bisect", code: "database.refused", sentence: "refused" },
    { code: "23502", schema: "public", table: "events", column, constraint: null },
    "writing",
  );
}

/** As of a trigger: the row or the table may be at fault. */
function doubt(): DatabaseFailure {
  return new DatabaseFailure(
    { fate: "doubt", code: "database.refused", sentence: "raised", refuser: "trigger" },
    { code: "P0001", schema: null, table: null, column: null, constraint: null },
    "writing",
  );
}

/** All at once. */
function search(
  records: readonly MaskedRecord[],
  write: BisectOptions["write"],
  options: Partial<BisectOptions> = {},
): Promise<readonly WriteOutcome[]> {
  return bisect(records, { declared: DECLARED, write, wouldStore: unasked, ...options });
}

const unasked = (): Promise<never> => Promise.reject(new Error("no row is tried in vain"));

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
      const outcomes = await search(recordsOf(size), async (part) => {
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
  const outcomes = await search(recordsOf(1), () => Promise.reject(refusal("t")));
  expect(outcomes).toEqual([{ kind: "rejected", rejection: { code: "database.constraint", path: "t" } }]);
});

test.each([
  ["a lost connection", new PiipeError("database.unreachable", "lost", { retryable: true })],
  ["a bug", new TypeError("bug")],
])("%s ends the search", async (_, error) => {
  let writes = 0;
  const write = (): Promise<never> => {
    writes += 1;
    return Promise.reject(error);
  };
  await expect(search(recordsOf(8), write)).rejects.toBe(error);
  expect(writes).toBe(1);
});

const STORED: WriteOutcome = { kind: "stored" };
const RAISED: WriteOutcome = { kind: "rejected", rejection: { code: "database.trigger", path: null } };

test("of rows that a trigger refuses they alone are rejected, in whatever order, as long as one passes", async () => {
  const some = fc
    .integer({ min: 1, max: 100 })
    .chain((size) => fc.tuple(fc.constant(size), fc.uniqueArray(fc.nat(size - 1), { maxLength: size, size: "max" })));
  await fc.assert(
    fc.asyncProperty(some, fc.boolean(), async ([size, bad], isOrdered) => {
      const isBad = new Set(bad.map(String));
      const settled: string[] = [];
      let rest = recordsOf(size);
      // As the pipeline does: what the search has not come to is written next.
      while (rest.length > 0) {
        const write = async (part: readonly MaskedRecord[]): Promise<WriteOutcome[]> => {
          if (part.some(({ id }) => isBad.has(id))) throw doubt();
          if (isOrdered) expect(part.map(({ id }) => Number(id))).toEqual(part.map((_, n) => settled.length + n));
          return part.map(() => STORED);
        };
        const wouldStore = async ({ id }: MaskedRecord): Promise<boolean> => {
          if (isBad.has(id)) throw doubt();
          return true;
        };
        let outcomes: readonly WriteOutcome[];
        try {
          outcomes = await search(rest, isOrdered ? watched(write, settled) : write, {
            wouldStore,
            ...(isOrdered ? { rejectedMax: 1 } : {}),
          });
        } catch (error) {
          expect(error).toMatchObject({ fate: "doubt" });
          expect(rest.every(({ id }) => isBad.has(id))).toBe(true);
          return;
        }
        for (const [index, outcome] of outcomes.entries()) {
          expect(outcome).toEqual(isBad.has(rest[index]?.id ?? "") ? RAISED : STORED);
          if (!isOrdered || outcome.kind === "rejected") settled.push(rest[index]?.id ?? "");
        }
        if (outcomes.length < rest.length) expect(outcomes.at(-1)).toEqual(RAISED);
        rest = rest.slice(outcomes.length);
      }
      expect(settled.toSorted()).toEqual(
        recordsOf(size)
          .map(({ id }) => id)
          .toSorted(),
      );
    }),
  );
});

/** Notes what is stored as it is. */
function watched(write: BisectOptions["write"], settled: string[]): BisectOptions["write"] {
  return async (part) => {
    const outcomes = await write(part);
    settled.push(...part.map(({ id }) => id));
    return outcomes;
  };
}

test.each([
  ["a trigger that refuses every row", doubt()],
  ["NOT NULL on a column that nobody fills", refusal("other")],
])("%s blames none of them, and costs few transactions", async (_, error) => {
  let writes = 0;
  const refuse = (): Promise<never> => {
    writes += 1;
    return Promise.reject(error);
  };
  await expect(search(recordsOf(1_000), refuse, { wouldStore: refuse })).rejects.toBe(error);
  expect(writes).toBeLessThan(150);
});

/** As a trigger does that refuses all but one of them. */
function trigger(good: string): { write: BisectOptions["write"]; wouldStore: BisectOptions["wouldStore"] } {
  return {
    write: (part) =>
      part.every(({ id }) => id === good) ? Promise.resolve(part.map(() => STORED)) : Promise.reject(doubt()),
    wouldStore: ({ id }) => (id === good ? Promise.resolve(true) : Promise.reject(doubt())),
  };
}

test("of more rows than are asked the newest one always tells", async () => {
  const { write, wouldStore } = trigger("999");
  const outcomes = await search(recordsOf(1_000), write, { wouldStore });
  expect(outcomes).toEqual([...Array.from({ length: 999 }, () => RAISED), STORED]);
});

test("of more rows than are asked others are asked at each try, so that any of them tells in the end", async () => {
  const random = new SeededRandom(1);
  for (const place of [10, 15, 300, 500, 998]) {
    const { write, wouldStore } = trigger(String(place));
    let tries = 1;
    for (; tries <= 100; tries += 1) {
      const outcomes = await search(recordsOf(1_000), write, { wouldStore, random: () => random.next() }).catch(
        () => [],
      );
      if (outcomes[place]?.kind === "stored") break;
    }
    expect(tries).toBeLessThan(100);
  }
});

test("a record that was stored before is asked last, and what is good among the others is written", async () => {
  const witness = { ...recordsOf(1)[0], id: "earlier" } as MaskedRecord;
  const asked: string[] = [];
  const write = (part: readonly MaskedRecord[]): Promise<WriteOutcome[]> =>
    part.some(({ id }) => id !== "400") ? Promise.reject(doubt()) : Promise.resolve(part.map(() => STORED));
  const wouldStore = ({ id }: MaskedRecord): Promise<boolean> => {
    asked.push(id);
    return id === "earlier" ? Promise.resolve(true) : Promise.reject(doubt());
  };
  const outcomes = await search(recordsOf(1_000), write, { wouldStore, witness });
  expect(asked.indexOf("earlier")).toBe(asked.length - 1);
  expect(outcomes).toEqual(recordsOf(1_000).map(({ id }) => (id === "400" ? STORED : RAISED)));
});

test("blames the rows where none need pass", async () => {
  const [good, ...bad] = recordsOf(30);
  const write = (part: readonly MaskedRecord[]): Promise<WriteOutcome[]> =>
    part.some(({ id }) => id !== good?.id) ? Promise.reject(doubt()) : Promise.resolve(part.map(() => STORED));
  const outcomes = await search([...bad, ...(good ? [good] : [])], write, {
    wouldStore: () => Promise.reject(doubt()),
    blamesRows: true,
  });
  expect(outcomes.map(({ kind }) => kind)).toEqual([...bad.map(() => "rejected"), "stored"]);
});

test.each([1, 5])("what is known already tells nothing of the table (%d rows)", async (size) => {
  const write = (part: readonly MaskedRecord[]): Promise<WriteOutcome[]> =>
    part.some(({ id }) => id === "0")
      ? Promise.reject(doubt())
      : Promise.resolve(part.map(() => ({ kind: "duplicate" })));
  await expect(search(recordsOf(size), write, { wouldStore: async () => false })).rejects.toMatchObject({
    fate: "doubt",
  });
});

test.each([100, 1])(
  "rows that were refused before the table was mended are stored after all (at most %d)",
  async (rejectedMax) => {
    let refusals = 0;
    const write = (part: readonly MaskedRecord[]): Promise<WriteOutcome[]> => {
      refusals += 1;
      // The whole, the half, the quarter, the first row.
      return refusals <= 4 ? Promise.reject(doubt()) : Promise.resolve(part.map(() => STORED));
    };
    const outcomes = await search(recordsOf(8), write, { wouldStore: async () => true, rejectedMax });
    expect(outcomes).toEqual(recordsOf(8).map(() => STORED));
  },
);
