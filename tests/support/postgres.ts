import { randomBytes } from "node:crypto";

import pg from "pg";
import { inject } from "vitest";

export interface TestDatabase {
  readonly url: string;
  /** Ends the connections that are still open. Safe twice. */
  drop(): Promise<void>;
}

/** The major version of the server, such as 18. */
export function postgresMajor(): number {
  return Number.parseInt(inject("postgresVersion"), 10);
}

/** A new database on the server of this test run. `template` is one made before, with no connection open to it. */
export async function createTestDatabase(template?: TestDatabase): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const templateName = template === undefined ? "template1" : new URL(template.url).pathname.slice(1);
  await administer([`CREATE DATABASE ${name} TEMPLATE ${templateName}`]);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () =>
      administer([
        // DROP DATABASE … WITH (FORCE) is of PostgreSQL 13; the tests run on 10 as well.
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
        `DROP DATABASE IF EXISTS ${name}`,
      ]),
  };
}

/** Runs one query on a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return withClient(url, async (client) => (await client.query<Row>(text, [...values])).rows);
}

export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function administer(statements: readonly string[]): Promise<void> {
  await withClient(inject("postgresUrl"), async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}
