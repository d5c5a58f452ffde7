import type { Column, ColumnValue, MaskedRecord, MaskedRow, RefusedEvent } from "../pipeline/contracts.ts";
import { arrayLiteral } from "../postgres/array-literal.ts";
import { quoteIdentifier, quoteTable } from "../postgres/identifiers.ts";
import { utcDay } from "../postgres/utc-day.ts";
import { businessClaimSql } from "../storage/ledger/business-claim.ts";
import type { Claim } from "../storage/ledger/claim.ts";
import { type ColumnFit, fitOf } from "./column-fit.ts";
import type { ConflictRule } from "./conflict-rule.ts";
import type { TargetTable } from "./target-table.ts";
import { asCompared, missingResult, upsertResult, upsertSql } from "./upsert.ts";

/** A real table, and the configured columns that are written into it. */
export interface WrittenTable {
  readonly table: TargetTable;
  readonly columns: readonly Column[];
  /** Left out: a row whose key is there is refused. */
  readonly rule?: ConflictRule;
}

/**
 * The one statement that claims the ids of a batch and stores the rows of the records whose claim succeeded, in all tables. Its
 * one row holds the claimed keys as a JSON array, or null for none.
 *
 * The claim covers records and refused events together. Rows are stored in the order of the records: a serial
 * column of a table numbers the messages of a FIFO group as they came. Foreign keys are checked at the statement's end, so
 * they may lead from any of the tables to any other. Rows of a table with `onConflict` are stored in the order of their keys;
 * what became of them is `upserted` with the table's place, as `UpsertTally` reads it.
 *
 * @param dedupes also claims business ids: those of `businessValues`, which follow the other parameters. What is then
 * returned, and stored, are the messages that got both; as `repeated`, those that got the first alone.
 */
export function insertStatement(
  tables: readonly WrittenTable[],
  claim: Claim,
  { dedupes }: { readonly dedupes: boolean },
): string {
  const won = dedupes ? "taken" : "claimed";
  const repeated = dedupes ? `, (${REPEATED}) AS repeated` : "";
  let parameter = CLAIM_PARAMETERS + 1;
  const stores = tables.map((written, index) => {
    const { table, columns, rule } = written;
    const keys = parameter;
    const { targets, values, arrays, names } = partsOf(written, keys + 1);
    parameter += 1 + columns.length;
    if (rule !== undefined) {
      const rows = `
    SELECT input.position, ${values}
    FROM unnest($${keys}::${claim.keyType}[], ${arrays}) WITH ORDINALITY AS input (message_id, ${names}, position)
    JOIN ${won} ON ${won}.message_id = input.message_id`;
      return upsertSql({ table, columns, rule }, rows, String(index));
    }
    return `stored${index === 0 ? "" : index} AS (
  INSERT INTO ${quoteTable(table.name)} (${targets})
  SELECT ${values}
  FROM unnest($${keys}::${claim.keyType}[], ${arrays}) WITH ORDINALITY AS input (message_id, ${names}, position)
  JOIN ${won} ON ${won}.message_id = input.message_id
  ORDER BY input.position
)`;
  });
  const businessClaim = dedupes ? businessClaimSql(claim, parameter) : "";
  const upserted = tables.map(({ rule }, index) =>
    rule === undefined ? "" : `, ${upsertResult(String(index))} AS upserted${index}`,
  );
  return `
WITH claimed AS (${claim.sql}
)${businessClaim}, ${stores.join(", ")}
SELECT json_agg(message_id)::text AS claimed${repeated}${upserted.join("")} FROM ${won}`;
}

/** The first half of `insertStatement`, for who stores the rows in a statement of their own. Its parameters are the first three. */
export function claimStatement(claim: Claim, { dedupes }: { readonly dedupes: boolean }): string {
  const repeated = dedupes ? `, (${REPEATED}) AS repeated` : "";
  const businessClaim = dedupes ? businessClaimSql(claim, CLAIM_PARAMETERS + 1) : "";
  return `
WITH claimed AS (${claim.sql}
)${businessClaim}
SELECT json_agg(message_id)::text AS claimed${repeated} FROM ${dedupes ? "taken" : "claimed"}`;
}

/**
 * The other half: stores rows, one array for each column, in their order. With `onConflict`, its one row says what became of
 * them: `upserted`, and with a trigger or rule `missing`.
 */
export function storeStatement(written: WrittenTable): string {
  const { table, columns, rule } = written;
  const { targets, values, arrays, names } = partsOf(written, 1);
  if (rule !== undefined) {
    const upserted = { table, columns, rule };
    const rows = `
    SELECT input.position, ${values}
    FROM unnest(${arrays}) WITH ORDINALITY AS input (${names}, position)`;
    const missing = table.path.hooks.length === 0 ? "" : `, ${missingResult(upserted, "")} AS missing`;
    return `
WITH ${upsertSql(upserted, rows, "")}
SELECT ${upsertResult("")} AS upserted${missing}`;
  }
  return `
INSERT INTO ${quoteTable(table.name)} (${targets})
SELECT ${values}
FROM unnest(${arrays}) WITH ORDINALITY AS input (${names}, position)
ORDER BY input.position`;
}

/** Reads texts as an insert reads them for the column, and does nothing with them; null: the column gets no texts to read. */
export function readingStatement(table: TargetTable, column: Column): string | null {
  const [fit] = checkedFits(table, [column]);
  if (fit === undefined || fit.readAs === null) return null;
  return `SELECT FROM unnest($1::text[]) AS input (c0) WHERE (${givenValue(fit, "input.c0")}) IS NULL`;
}

function partsOf({ table, columns, rule }: WrittenTable, firstParameter: number) {
  const fits = checkedFits(table, columns);
  const values = fits.map((fit, index) => storedValue(fit, index, defaultOf(table, columns[index])));
  return {
    targets: columns.map(({ name }) => quoteIdentifier(name)).join(", "),
    values: (rule === undefined
      ? values
      : columns.map(({ name }, index) => `${asCompared(table, rule, name, values[index] ?? "")} AS c${index}`)
    ).join(", "),
    arrays: fits.map(({ elementType }, index) => `$${index + firstParameter}::${elementType}[]`).join(", "),
    names: fits.map((_, index) => `c${index}`).join(", "),
  };
}

/** How each column's values get into the table; for columns that `checkTable` found fitting. */
function checkedFits(table: TargetTable, columns: readonly Column[]): readonly ColumnFit[] {
  return columns.map((column) => {
    const real = table.columns.find(({ name }) => name === column.name);
    const fit = real && fitOf(column, real);
    if (!fit) throw new Error(`column ${column.name} was not checked against the table`);
    return fit;
  });
}

/** What a row without a value gets in a column with `absent: default`; null: NULL. Of the column's type, as it is to be. */
function defaultOf(table: TargetTable, column: Column | undefined): string | null {
  if (column?.absent !== "default") return null;
  const real = table.columns.find(({ name }) => name === column.name);
  if (real?.defaultSql === undefined) throw new Error(`the default of column ${column.name} was not read`);
  return `CAST((${real.defaultSql}) AS ${real.typeSql})`;
}

/** The value of the column with the index, of an `input` whose columns are named c0, c1, … */
function storedValue(fit: ColumnFit, index: number, defaultSql: string | null): string {
  const value = givenValue(fit, `input.c${index}`);
  // Evaluated for the rows that need it, each on its own: a sequence gives each its number.
  return defaultSql === null ? value : `coalesce(${value}, ${defaultSql})`;
}

function givenValue({ isNull, isUtcWallTime, readAs, roundedTo }: ColumnFit, carried: string): string {
  if (isNull) return "NULL";
  if (isUtcWallTime) return `${carried} AT TIME ZONE 'UTC'`;
  if (readAs === null) return carried;
  const read = `${carried}::${readAs}`;
  if (roundedTo === null) return read;
  // What PostgreSQL would round is made a text that it cannot read: an error of that row.
  return `CASE WHEN ${read} = ${carried}::${roundedTo} THEN ${read} ELSE (${carried} || ' would be rounded')::${readAs} END`;
}

const CLAIM_PARAMETERS = 3;

/** Claimed, and left out for their business id. */
const REPEATED = `
  SELECT json_agg(DISTINCT claimed.message_id)::text
  FROM claimed JOIN repeated ON repeated.message_id = claimed.message_id`;

/** The parameters of `insertStatement`. `keys` are those of the records, then those of the refused events. */
export function insertValues(
  tables: readonly WrittenTable[],
  records: readonly MaskedRecord[],
  refused: readonly RefusedEvent[],
  keys: readonly string[],
  sourceId: string,
): string[] {
  const claim = claimValues(records, refused, keys, sourceId);
  const values: string[] = [...claim];
  for (const [table, { columns }] of tables.entries()) {
    const rows: MaskedRow[] = [];
    const rowKeys: string[] = [];
    let isOneEach = refused.length === 0;
    for (const [index, record] of records.entries()) {
      const before = rows.length;
      for (const row of record.rows) {
        if (row.table !== table) continue;
        rows.push(row);
        rowKeys.push(keys[index] ?? "");
      }
      isOneEach &&= rows.length === before + 1;
    }
    values.push(isOneEach ? claim[1] : arrayLiteral(rowKeys), ...storeValues(rows, columns.length));
  }
  return values;
}

/** The parameters of `claimStatement`; those of `businessValues` follow them. */
export function claimValues(
  records: readonly MaskedRecord[],
  refused: readonly RefusedEvent[],
  keys: readonly string[],
  sourceId: string,
): [days: string, keys: string, sourceId: string] {
  const days: string[] = [];
  for (const record of records) days.push(utcDay(record.sentAtMs));
  for (const event of refused) days.push(utcDay(event.sentAtMs));
  return [arrayLiteral(days), arrayLiteral(keys), sourceId];
}

/** The parameters of `storeStatement`. */
export function storeValues(rows: readonly MaskedRow[], columnCount: number): string[] {
  const values: string[] = [];
  for (let index = 0; index < columnCount; index += 1) {
    const column: ColumnValue[] = [];
    for (const row of rows) column.push(row.values[index] ?? null);
    values.push(arrayLiteral(column));
  }
  return values;
}
