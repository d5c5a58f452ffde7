import fc from "fast-check";
import { inject, test } from "vitest";
import { arrayLiteral, byteaArrayLiteral } from "../../src/postgres/array-literal.ts";
import { withClient } from "../support/postgres.ts";

const SPECIAL = fc.constantFrom(
  "NULL",
  "null",
  "",
  " ",
  '"',
  "\\",
  "\\\\",
  "{",
  "}",
  "{}",
  ",",
  "'",
  "\n",
  "\t",
  "👩‍🚀",
  "\u{10FFFF}",
);
const TEXT = fc
  .array(fc.oneof(SPECIAL, fc.string({ unit: "grapheme" })), { maxLength: 6 })
  .map((parts) => parts.join("").replaceAll("\0", "").toWellFormed());

test("every text comes back from PostgreSQL as it was", async () => {
  await withClient(inject("postgresUrl"), async (client) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(TEXT)), async (values) => {
        const { rows } = await client.query<{ values: unknown }>("SELECT to_json($1::text[]) AS values", [
          arrayLiteral(values),
        ]);
        return JSON.stringify(rows[0]?.values) === JSON.stringify(values);
      }),
      { numRuns: 300 },
    );
  });
});

test("every number and boolean comes back as it was", async () => {
  const numbers = fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })));
  const booleans = fc.array(fc.option(fc.boolean()));
  await withClient(inject("postgresUrl"), async (client) => {
    // Before PostgreSQL 12 the shortest exact form had to be asked for.
    await client.query("SET extra_float_digits = 3");
    await fc.assert(
      fc.asyncProperty(numbers, booleans, async (floats, flags) => {
        const { rows } = await client.query<{ floats: unknown; flags: unknown }>(
          "SELECT $1::float8[] AS floats, $2::bool[] AS flags",
          [arrayLiteral(floats), arrayLiteral(flags)],
        );
        return JSON.stringify(rows[0]) === JSON.stringify({ floats, flags });
      }),
    );
  });
});

test("bytes come back as they were", async () => {
  await withClient(inject("postgresUrl"), async (client) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array()), async (values) => {
        const { rows } = await client.query<{ values: Buffer[] }>("SELECT $1::bytea[] AS values", [
          byteaArrayLiteral(values),
        ]);
        const back = rows[0]?.values ?? [];
        return back.length === values.length && values.every((bytes, index) => back[index]?.equals(bytes));
      }),
    );
  });
});
