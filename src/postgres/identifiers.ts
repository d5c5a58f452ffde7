export interface TableName {
  /** null: found through the connection's search path. */
  readonly schema: string | null;
  readonly name: string;
}

/** The name as PostgreSQL reads it in exactly this case. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteTable(table: TableName): string {
  const name = quoteIdentifier(table.name);
  return table.schema === null ? name : `${quoteIdentifier(table.schema)}.${name}`;
}

/** For people: `user_logins`, `public.user_logins`. */
export function showTable(table: TableName): string {
  return table.schema === null ? table.name : `${table.schema}.${table.name}`;
}

/** A text constant for the statements that take no parameters, such as CREATE VIEW; whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted}` : quoted;
}
