import { expect, test } from "vitest";
import { testColumn } from "../../tests/support/test-column.ts";
import { CLAIMS } from "../storage/ledger/claim.ts";
import { insertStatement } from "./insert.ts";
import type { TargetTable } from "./target-table.ts";

const TABLE: TargetTable = {
  name: { schema: "public", name: "events" },
  isTable: true,
  path: { hooks: [], foreignTable: null, isReplica: false },
  columns: [
    {
      name: "n",
      type: "int4",
      typeShown: "integer",
      typeSql: "pg_catalog.int4",
      roundingSql: null,
      elementType: null,
      takesText: true,
      labels: null,
      charsMax: null,
      digitsMax: null,
      decimalsMax: null,
      notNull: false,
      hasDefault: false,
      isGenerated: false,
      mayInsert: true,
    },
  ],
};
const COLUMNS = [testColumn({ name: "n", type: "integer" })];

test("without dedupeBy the statement knows nothing of business ids", () => {
  expect(insertStatement([{ table: TABLE, columns: COLUMNS }], CLAIMS.ledger, { dedupes: false })).toBe(`
WITH claimed AS (
  INSERT INTO piipe.ledger (sent_day, source_id, message_id)
  SELECT claim.sent_day, $3::bigint, claim.message_id
  FROM unnest($1::date[], $2::uuid[]) AS claim (sent_day, message_id)
  ORDER BY 1, 2, 3
  ON CONFLICT DO NOTHING
  RETURNING message_id
), stored AS (
  INSERT INTO "public"."events" ("n")
  SELECT input.c0
  FROM unnest($4::uuid[], $5::int4[]) WITH ORDINALITY AS input (message_id, c0, position)
  JOIN claimed ON claimed.message_id = input.message_id
  ORDER BY input.position
)
SELECT json_agg(message_id)::text AS claimed FROM claimed`);
});
