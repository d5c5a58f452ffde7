/** PostgreSQL cuts longer identifiers without an error (NAMEDATALEN is 64, with the closing zero byte). */
export const IDENTIFIER_BYTES_MAX = 63;

export interface TableName {
  /** null: found through the connection's search path. */
  readonly schema: string | null;
  readonly name: string;
}

/** True for what PostgreSQL accepts, when quoted, as the name of a schema, table or column, without cutting it. */
export function isIdentifier(name: string): boolean {
  return name !== "" && !name.includes("\0") && Buffer.byteLength(name) <= IDENTIFIER_BYTES_MAX;
}

/** Splits `name` or `schema.name`; null when it is neither. Case is kept, as if both were quoted. */
export function parseTableName(text: string): TableName | null {
  const parts = text.split(".");
  if (!parts.every(isIdentifier)) return null;
  const [first, second] = parts;
  if (first === undefined || parts.length > 2) return null;
  return second === undefined ? { schema: null, name: first } : { schema: first, name: second };
}
