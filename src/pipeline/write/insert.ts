import { quoteIdentifier, quoteTable } from "../../postgres/identifiers.ts";
import { utcDay } from "../../postgres/utc-day.ts";
import type { Column, ColumnValue, MaskedRecord, RefusedEvent } from "../contracts.ts";
import { arrayLiteral } from "./array-literal.ts";
import { businessClaimSql } from "./business-claim.ts";
import type { Claim } from "./claim.ts";
import { type ColumnFit, fitOf } from "./column-fit.ts";
import type { TargetTable } from "./target-table.ts";

/**
 * The one statement that claims the ids of a batch and stores the records whose claim succeeded. Its one row holds
 * the claimed keys as a JSON array, or null for none.
 *
 * The claim covers records and refused events together. Rows are stored in the order of the records: a serial
 * column of the table numbers the messages of a FIFO group as they came.
 *
 * @param dedupes also claims business ids: those of `businessValues`, which follow the other parameters. What is then
 * returned, and stored, are the messages that got both; as `repeated`, those that got the first alone.
 */
export function insertStatement(
  table: TargetTable,
  columns: readonly Column[],
  claim: Claim,
  { dedupes }: { readonly dedupes: boolean },
): string {
  const arrays: string[] = [];
  const names: string[] = [];
  const values: string[] = [];
  for (const [index, column] of columns.entries()) {
    const real = table.columns.find(({ name }) => name === column.name);
    const fit = real && fitOf(column, real);
    if (!fit) throw new Error(`column ${column.name} was not checked against the table`);
    arrays.push(`$${index + FIRST_COLUMN_PARAMETER}::${fit.elementType}[]`);
    names.push(`c${index}`);
    values.push(valueOf(fit, index));
  }
  const targets = columns.map(({ name }) => quoteIdentifier(name));
  const won = dedupes ? "taken" : "claimed";
  const repeated = dedupes ? `, (${REPEATED}) AS repeated` : "";
  const businessClaim = dedupes ? businessClaimSql(claim, FIRST_COLUMN_PARAMETER + columns.length) : "";
  return `
WITH claimed AS (${claim.sql}
)${businessClaim}, stored AS (
  INSERT INTO ${quoteTable(table.name)} (${targets.join(", ")})
  SELECT ${values.join(", ")}
  FROM unnest($4::${claim.keyType}[], ${arrays.join(", ")}) WITH ORDINALITY AS input (message_id, ${names.join(", ")}, position)
  JOIN ${won} ON ${won}.message_id = input.message_id
  ORDER BY input.position
)
SELECT json_agg(message_id)::text AS claimed${repeated} FROM ${won}`;
}

function valueOf({ isNull, isUtcWallTime }: ColumnFit, index: number): string {
  if (isNull) return "NULL";
  return isUtcWallTime ? `input.c${index} AT TIME ZONE 'UTC'` : `input.c${index}`;
}

const FIRST_COLUMN_PARAMETER = 5;

/** Claimed, and left out for their business id. */
const REPEATED = `
  SELECT json_agg(DISTINCT claimed.message_id)::text
  FROM claimed JOIN repeated ON repeated.message_id = claimed.message_id`;

/** The parameters of `insertStatement`. `keys` are those of the records, then those of the refused events. */
export function insertValues(
  records: readonly MaskedRecord[],
  refused: readonly RefusedEvent[],
  keys: readonly string[],
  sourceId: string,
  columnCount: number,
): string[] {
  const days: string[] = [];
  for (const record of records) days.push(utcDay(record.sentAtMs));
  for (const event of refused) days.push(utcDay(event.sentAtMs));
  const claims = arrayLiteral(keys);
  const recordKeys = refused.length === 0 ? claims : arrayLiteral(keys.slice(0, records.length));
  const values = [arrayLiteral(days), claims, sourceId, recordKeys];
  for (let index = 0; index < columnCount; index += 1) {
    const column: ColumnValue[] = [];
    for (const record of records) column.push(record.values[index] ?? null);
    values.push(arrayLiteral(column));
  }
  return values;
}
