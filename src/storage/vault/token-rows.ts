import type { MaskedRecord } from "../../pipeline/contracts.ts";
import { arrayLiteral, byteaArrayLiteral } from "../../postgres/array-literal.ts";
import type { RunStatement } from "../../postgres/transaction.ts";

/** Sorted, so that writers which see the same values wait for each other instead of deadlocking. */
const INSERT_LINKS = `
INSERT INTO piipe.key_links (column_name, old_token, new_token, domain)
SELECT link.column_name, link.old_token, link.new_token, link.domain
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS link (column_name, old_token, new_token, domain)
ORDER BY 1, 2
ON CONFLICT DO NOTHING`;

const INSERT_ORIGINALS = `
INSERT INTO piipe.vault (column_name, token, sealed, domain)
SELECT original.column_name, original.token, original.sealed, original.domain
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) AS original (column_name, token, sealed, domain)
ORDER BY 1, 2
ON CONFLICT DO NOTHING`;

/**
 * Stores what belongs to the tokens of records: their links across a key rotation, and their sealed originals. Nothing
 * remembers which are there already: a process that did would not bring back what was erased meanwhile.
 */
export async function writeTokenRows(run: RunStatement, records: readonly MaskedRecord[]): Promise<void> {
  const links = onePer(
    records.flatMap((record) => record.links),
    ({ column, oldToken }) => `${column}\n${oldToken}`,
  );
  if (links.length > 0) {
    await run(INSERT_LINKS, [
      arrayLiteral(links.map(({ column }) => column)),
      arrayLiteral(links.map(({ oldToken }) => oldToken)),
      arrayLiteral(links.map(({ newToken }) => newToken)),
      arrayLiteral(links.map(({ domain }) => domain)),
    ]);
  }
  const originals = onePer(
    records.flatMap((record) => record.originals),
    ({ column, token }) => `${column}\n${token}`,
  );
  if (originals.length > 0) {
    await run(INSERT_ORIGINALS, [
      arrayLiteral(originals.map(({ column }) => column)),
      arrayLiteral(originals.map(({ token }) => token)),
      byteaArrayLiteral(originals.map(({ sealed }) => sealed)),
      arrayLiteral(originals.map(({ domain }) => domain)),
    ]);
  }
}

function onePer<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
