import { createHash } from "node:crypto";
import { quoteTable, type TableName } from "../../postgres/identifiers.ts";

/**
 * Only the canonical form stands for itself: were upper case folded, two ids that differ only in case would be one,
 * and the second message would be lost.
 */
const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The queue in the ledger: the first 8 bytes of the SHA-256 of its name, as a signed bigint in decimal. */
export function sourceIdOf(sourceName: string): string {
  return createHash("sha256").update(sourceName).digest().readBigInt64BE(0).toString();
}

/** The table among the business ids: the same of its name as SQL writes it, with the schema in which it was found. */
export const tableIdOf = ({ name }: { readonly name: TableName }): string => sourceIdOf(quoteTable(name));

/** The message in the ledger: a UUID as it is, any other id as the first 16 bytes of its SHA-256 in UUID form. */
export function messageKeyOf(id: string): string {
  if (CANONICAL_UUID.test(id)) return id;
  const hex = createHash("sha256").update(id).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
