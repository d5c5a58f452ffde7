import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { codePoint } from "../../tests/support/code-point.ts";
import { decoderOf } from "../../tests/support/one-table.ts";
import { columnsOf } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { isIdentifier } from "../config/table-name.ts";
import { collectFields } from "./collect-fields.ts";
import { inferColumns } from "./infer-columns.ts";
import { deliveryOf, parseEvents } from "./parse-events.ts";
import { renderConfig, withoutLeftOut } from "./render-config.ts";
import { shareKeys } from "./share-keys.ts";

const SETTINGS = {
  queue: "logins",
  region: null,
  endpoint: null,
  unwrap: [],
  table: "t",
  keysFile: "./k.json",
  keyVersion: 1,
  schemaFile: null,
};
const CANARY = "c4nary-value";

/** A field's value as events have it: some kinds always, and now and then null. */
const value = fc.oneof(
  fc.constantFrom<unknown>(null, true, 7, 0.5, CANARY, `${CANARY}@example.org`, "192.0.2.1", "2.3.0", "", [CANARY]),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.constantFrom<unknown>(null, 1, CANARY), { maxKeys: 3 }),
);
const key = fc.oneof(
  fc.constantFrom(
    "ip",
    "_1",
    "user_id",
    "userId",
    "device",
    "true",
    "null",
    "no",
    "e1",
    "größe",
    "-x",
    "a b",
    "a.b",
    "user.id",
    "@timestamp",
    "${A}",
  ),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);
const event = fc.dictionary(key, value, { minKeys: 1, maxKeys: 8 });

it("whatever the events, the file loads, shows none of their values, and takes the events that it was made of", async () => {
  const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  const file = join(folder, "piipe.yaml");
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 4 }), async (given) => {
        const bodies = given.map((one) => JSON.stringify(one));
        const { events } = parseEvents(bodies, []);
        const collected = collectFields(events);
        const inferred = inferColumns(collected, null);
        const inference = { ...inferred, columns: shareKeys(inferred.columns, collected.fields) };
        fc.pre(inference.columns.length > 0);
        const text = renderConfig(SETTINGS, inference, "a sample");
        expect(text).not.toContain(CANARY);
        await writeFile(file, text);
        const config = await loadConfig(file, { DATABASE_URL: "postgres://localhost/x" });
        expect(
          columnsOf(config).map(({ name, from, type, mask, nullable }) => ({ name, from, type, mask, nullable })),
        ).toEqual(
          inference.columns.map(({ name, from, type, mask, nullable }) => ({ name, from, type, mask, nullable })),
        );
        if (inference.columns.some(({ notes }) => notes.length > 0)) return;
        const decode = decoderOf(columnsOf(config), new Map(), { unknownFields: "ignore" });
        for (const one of events) expect(decode(deliveryOf(JSON.stringify(one)))).toMatchObject({ ok: true });
      }),
      { numRuns: 200 },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("whatever the names in the table, the file loads and has them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  const file = join(folder, "piipe.yaml");
  const name = fc
    .string({ unit: codePoint, minLength: 1, maxLength: 20 })
    .filter((text) => isIdentifier(text) && text.isWellFormed());
  // Neither a schema's dot nor a slash, which the keys' domain cannot have.
  const tableName = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !/[./]/.test(text));
  try {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 4 }), tableName, async (names, table) => {
        fc.pre(!names.includes("__proto__"));
        const columns = names.map((column) => ({
          name: column,
          from: "a.b",
          type: "text" as const,
          mask: null,
          nullable: false,
          reasons: [],
          notes: [`look at ${column}`],
        }));
        const eventId = { from: names[0] ?? "", repeated: 0 };
        const leftOut = [
          { field: null, column: names[0] ?? "", why: `column ${names[0]} is integer`, isProblem: false },
        ];
        await writeFile(file, renderConfig({ ...SETTINGS, table }, { columns, leftOut, eventId }, "a sample"));
        const config = await loadConfig(file, { DATABASE_URL: "postgres://localhost/x" });
        expect(
          columnsOf(config)
            .map((column) => column.name)
            .sort(),
        ).toEqual([...names].sort());
        expect(config.tables[0]?.name.name).toBe(table);
      }),
      { numRuns: 200, examples: [[["a\nb: { type: text }"], "t"]] },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("however long its reasons are, a field that is left out no more goes out of the comments, and no other line does", () => {
  const words = fc.array(fc.stringMatching(/^[a-z-]{2,30}$/), { minLength: 1, maxLength: 30 });
  const entries = fc.array(fc.tuple(fc.constantFrom("a", "ab", "a.b", "c"), words), { maxLength: 5 });
  fc.assert(
    fc.property(entries, (given) => {
      const leftOut = given.map(([field, why]) => ({ field, column: null, why: why.join(" "), isProblem: false }));
      const column = {
        name: "x",
        from: "a",
        type: "text" as const,
        mask: null,
        nullable: true,
        reasons: [],
        notes: [],
      };
      const textOf = (left: typeof leftOut) =>
        renderConfig(SETTINGS, { columns: [column], leftOut: left, eventId: null }, "a sample");
      expect(withoutLeftOut(textOf(leftOut), [column])).toBe(textOf(leftOut.filter(({ field }) => field !== "a")));
    }),
  );
  const written = "columns:\n  # Left out:\n  # - field a was null\n  # mine\n";
  const added = { name: "a", from: "a", type: "text" as const, mask: null, nullable: true, reasons: [], notes: [] };
  expect(withoutLeftOut(written, [added])).toBe("columns:\n  # mine\n");
});
