import type { MaskedRecord } from "../../pipeline/contracts.ts";
import { arrayLiteral } from "../../postgres/array-literal.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { type Claim, parseKeys } from "./claim.ts";

/**
 * The part of the statement that claims business ids, and names as `taken` those of the `claimed` messages that are to be
 * stored: a message is left out when its business id was there already, or is that of an earlier message of the batch. Those
 * left out are among the `repeated`.
 * Refused events claim none.
 *
 * Only after the messages: one that was stored before must claim nothing. The keys are taken in one order as well, so
 * writers wait for each other instead of deadlocking. A message has several keys while key versions change, and is new
 * only if all of them are; those that another worker did not know are noted all the same, and outlive the ones it knew.
 * Leaked keys are looked up one by one: with a LIMIT that is no join, which would read the whole table while it has no
 * statistics.
 *
 * @param first number of the first of its parameters, `businessValues`
 */
export function businessClaimSql({ keyType }: Claim, first: number): string {
  return `, keyed AS (
  SELECT input.business_key, input.message_id, input.content_check, input.position
  FROM unnest($${first}::uuid[], $${first + 1}::${keyType}[], $${first + 5}::bigint[])
    WITH ORDINALITY AS input (business_key, message_id, content_check, position)
  JOIN claimed ON claimed.message_id = input.message_id
), wanted AS (
  SELECT DISTINCT ON (business_key) business_key, message_id, content_check FROM keyed ORDER BY business_key, position
), business AS (
  INSERT INTO piipe.business_ids (table_id, business_key, claimed_day, content_check)
  SELECT $${first + 2}::bigint, wanted.business_key, (now() AT TIME ZONE 'UTC')::date, wanted.content_check FROM wanted
  ORDER BY wanted.business_key
  ON CONFLICT DO NOTHING
  RETURNING business_key
), won AS (
  SELECT wanted.business_key, wanted.message_id FROM wanted JOIN business ON business.business_key = wanted.business_key
), repeated AS (
  SELECT keyed.message_id FROM keyed
  LEFT JOIN won ON won.business_key = keyed.business_key AND won.message_id = keyed.message_id
  WHERE won.message_id IS NULL
  UNION ALL
  SELECT input.message_id
  FROM unnest($${first + 3}::uuid[], $${first + 4}::${keyType}[]) AS input (business_key, message_id)
  CROSS JOIN LATERAL (
    SELECT 1 FROM piipe.business_ids AS known
    WHERE known.table_id = $${first + 2}::bigint AND known.business_key = input.business_key
    LIMIT 1
  ) AS known
), taken AS (
  SELECT claimed.message_id FROM claimed
  WHERE NOT EXISTS (SELECT 1 FROM repeated WHERE repeated.message_id = claimed.message_id)
)`;
}

/** `keys` are those of the records in the claim. */
export function businessValues(records: readonly MaskedRecord[], keys: readonly string[], tableId: string): string[] {
  const claims = pairs(records, keys, ({ businessKeys }) => businessKeys);
  const leaked = pairs(records, keys, ({ leakedBusinessKeys }) => leakedBusinessKeys);
  return [...claims, tableId, ...leaked, contentChecksOf(records)];
}

/** In the order of the business keys. */
function contentChecksOf(records: readonly MaskedRecord[]): string {
  return arrayLiteral(
    records.flatMap(({ businessKeys, contentChecks }) =>
      businessKeys.map((_, index) => contentChecks?.[index] ?? null),
    ),
  );
}

/**
 * Of the messages that were left out, those whose business id belongs to an event with other content. Asked after the claim,
 * when what other transactions and the same batch claimed can be seen.
 */
export async function findDiffering(
  run: RunStatement,
  { keyType }: Claim,
  records: readonly MaskedRecord[],
  keys: readonly string[],
  tableId: string,
): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set();
  const { rows } = await run(
    `SELECT json_agg(DISTINCT input.message_id)::text AS differing
     FROM unnest($1::uuid[], $2::${keyType}[], $3::bigint[]) AS input (business_key, message_id, content_check)
     CROSS JOIN LATERAL (
       SELECT known.content_check FROM piipe.business_ids AS known
       WHERE known.table_id = $4::bigint AND known.business_key = input.business_key
       LIMIT 1
     ) AS known
     WHERE known.content_check <> input.content_check`,
    [...pairs(records, keys, ({ businessKeys }) => businessKeys), contentChecksOf(records), tableId],
  );
  return parseKeys(rows[0]?.["differing"]);
}

function pairs(
  records: readonly MaskedRecord[],
  keys: readonly string[],
  businessKeysOf: (record: MaskedRecord) => readonly string[],
): readonly [businessKeys: string, messageKeys: string] {
  const businessKeys: string[] = [];
  const messageKeys: string[] = [];
  for (const [index, record] of records.entries()) {
    for (const businessKey of businessKeysOf(record)) {
      businessKeys.push(businessKey);
      messageKeys.push(keys[index] ?? "");
    }
  }
  return [arrayLiteral(businessKeys), arrayLiteral(messageKeys)];
}
