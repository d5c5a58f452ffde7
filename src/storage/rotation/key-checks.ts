import { PiipeError } from "../../errors.ts";
import { COLUMN_TYPES, type ColumnKeys, type ColumnType, type KeyCheck } from "../../pipeline/contracts.ts";
import type { PostgresPool, StatementResult } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { quoteLiteral } from "../../postgres/identifiers.ts";

/** Whoever may note its keys may note anything: what no piipe would write proves nothing, and is not compared. */
const IS_SOUND = "check_value ~ '^[0-9a-f]{32}$' AND version BETWEEN 1 AND 9999";

/** Only of the columns that are compared, so that no number of other rows has to be read. */
const READ = `
SELECT column_name, mask, version::text AS version, check_value FROM piipe.key_checks
WHERE domain = $1 AND column_name IN (SELECT json_array_elements_text($2::json)) AND ${IS_SOUND}`;

const COUNT_MALFORMED = `
SELECT count(*) AS rows FROM piipe.key_checks
WHERE domain = $1 AND column_name IN (SELECT json_array_elements_text($2::json)) AND (${IS_SOUND}) IS NOT TRUE`;

const INSERT = `
INSERT INTO piipe.key_checks (domain, column_name, mask, version, check_value)
SELECT used.domain, used."column", used.mask, used.version, used.value
FROM json_to_recordset($1::json) AS used (domain text, "column" text, mask text, version integer, value text)
ORDER BY 2, 3, 4
ON CONFLICT DO NOTHING`;

/** A row of the table. Its mask may be a note on the column's type instead. */
type NotedCheck = Omit<KeyCheck, "mask"> & { readonly mask: string };

const typeNote = (type: ColumnType): string => `type ${type}`;
const TYPE_NOTE = new RegExp(`^type (${COLUMN_TYPES.join("|")})$`);

const DOING = "comparing the keys with those that made the stored tokens";
/** There is no such table, or no such schema. */
const MISSING: ReadonlySet<string | null> = new Set(["42P01", "3F000"]);

/**
 * Refuses keys that are not those of the stored tokens. Reads only; a database without piipe's own tables knows no keys.
 * @throws {PiipeError} `keys.mismatch`
 */
export async function compareKeys(pool: PostgresPool, columns: readonly ColumnKeys[]): Promise<void> {
  await unnotedKeys(pool, columns);
}

/**
 * The same for whoever is about to make tokens: notes the keys that were not used before.
 * @throws {PiipeError} `keys.mismatch`, also when another worker with other keys was faster
 */
export async function noteKeys(pool: PostgresPool, columns: readonly ColumnKeys[]): Promise<void> {
  const unnoted = await unnotedKeys(pool, columns);
  if (unnoted.length === 0) return;
  await pool.query(DOING, INSERT, [JSON.stringify(unnoted)]);
  await compareKeys(pool, columns);
}

/** Those that make tokens, and did not before; and types that values were not masked as before. */
async function unnotedKeys(pool: PostgresPool, columns: readonly ColumnKeys[]): Promise<readonly NotedCheck[]> {
  const domain = domainOf(columns);
  if (domain === null) return [];
  const used = await readChecks(pool, domain, columns);
  return columns.flatMap((keys) => {
    const ofColumn = used.filter(({ column }) => column === keys.column);
    const ofMask = ofColumn.filter(({ mask }) => mask === keys.mask);
    compareColumn(keys, ofMask, domain);
    const { active, type } = keys;
    if (active === null) return [];
    const isTypeNoted = type === null || ofColumn.some(({ mask }) => mask === typeNote(type));
    return [
      ...(ofMask.some(({ version }) => version === active.version) ? [] : [active]),
      ...(isTypeNoted ? [] : [{ ...active, mask: typeNote(type) }]),
    ];
  });
}

/** What to say about columns whose values were also masked as another type: with another form, equal values have other tokens. */
export async function describeOtherTypes(
  pool: PostgresPool,
  columns: readonly ColumnKeys[],
): Promise<ReadonlyArray<{ readonly text: string; readonly hint: string }>> {
  const domain = domainOf(columns);
  if (domain === null) return [];
  const used = await readChecks(pool, domain, columns);
  return columns.flatMap(({ column, type }) => {
    if (type === null) return [];
    const noted = used.flatMap((check) => (check.column === column ? (TYPE_NOTE.exec(check.mask)?.[1] ?? []) : []));
    const others = [...new Set(noted)].filter((each) => each !== type).toSorted();
    return others.map((other) => ({
      text:
        `values of column ${column} were masked as ${other} before, and are masked as ${type} now: where the two write a ` +
        "value differently, its new tokens match none of the stored ones",
      hint: `Write \`type: ${other}\` again, or use a new column for the new type. ${startOver(domain, column, `type ${other}`)}`,
    }));
  });
}

/**
 * What to say about rows that are none of piipe's; null when there are none, or no table. They are not compared: where one
 * has the place of a key that is used, another keyring of the same version would not be noticed.
 */
export async function describeMalformedChecks(
  pool: PostgresPool,
  columns: readonly ColumnKeys[],
): Promise<{ readonly text: string; readonly hint: string } | null> {
  const domain = domainOf(columns);
  if (domain === null) return null;
  const { rows } = await orNone(() => pool.query(DOING, COUNT_MALFORMED, [domain, namesOf(columns)]));
  const count = Number(rows[0]?.["rows"] ?? 0);
  if (count === 0) return null;
  return {
    text: `piipe.key_checks has rows that no piipe wrote (${count}); they are left out`,
    hint: `See who may write to it, and delete them: DELETE FROM piipe.key_checks WHERE (${IS_SOUND}) IS NOT TRUE`,
  };
}

const domainOf = (columns: readonly ColumnKeys[]): string | null =>
  columns.flatMap(({ known }) => known)[0]?.domain ?? null;

const namesOf = (columns: readonly ColumnKeys[]): string => JSON.stringify(columns.map(({ column }) => column));

/** A database without the table knows no keys. */
async function orNone(read: () => Promise<StatementResult>): Promise<Pick<StatementResult, "rows">> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DatabaseFailure && MISSING.has(error.sqlState)) return { rows: [] };
    throw error;
  }
}

async function readChecks(
  pool: PostgresPool,
  domain: string,
  columns: readonly ColumnKeys[],
): Promise<readonly NotedCheck[]> {
  const { rows } = await orNone(() => pool.query(DOING, READ, [domain, namesOf(columns)]));
  return rows.map((row) => ({
    domain,
    column: row["column_name"] ?? "",
    mask: row["mask"] ?? "",
    version: Number(row["version"]),
    value: row["check_value"] ?? "",
  }));
}

function compareColumn(
  { column, mask, active, known, showsVersion }: ColumnKeys,
  used: readonly NotedCheck[],
  domain: string,
): void {
  const other = used.find(({ version, value }) =>
    known.some((check) => check.version === version && check.value !== value),
  );
  if (other !== undefined) {
    throw new PiipeError(
      "keys.mismatch",
      `version ${other.version} of the keyring is not the key that ${madeBy(mask, column)}`,
      {
        hint:
          "Restore the keyring of before: with this one, equal values would not be recognised. For a data set of its own, " +
          `set keys.domain. ${startOver(domain, column, mask)}`,
      },
    );
  }
  if (showsVersion || active === null) return;
  const earlier = used.find(({ version }) => version !== active.version);
  if (earlier !== undefined) {
    throw new PiipeError(
      "keys.mismatch",
      `key version ${earlier.version} made the stored tokens of column ${column}, and version ${active.version} would make the new ones`,
      {
        hint:
          `Write \`keyVersion: ${earlier.version}\` for ${column}: tokens of ${mask} do not show their version. For a new key, use ` +
          `a new column (docs/masking.md). ${startOver(domain, column, mask)}`,
      },
    );
  }
}

const madeBy = (use: ColumnKeys["mask"], column: string): string =>
  use === "dedupe" ? `claimed the business ids of dedupeBy: ${column}` : `made the stored tokens of column ${column}`;

/** The way out for who means it. */
const startOver = (domain: string, column: string, mask: string): string =>
  "If the stored tokens of this column are of no use any more: DELETE FROM piipe.key_checks WHERE " +
  `domain = ${quoteLiteral(domain)} AND column_name = ${quoteLiteral(column)} AND mask = ${quoteLiteral(mask)}.`;
