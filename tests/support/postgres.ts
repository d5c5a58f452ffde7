import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, inject } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import type { Templates } from "./template-databases.ts";

export interface TestDatabase {
  readonly url: string;
  /** Ends the connections that are still open. Safe twice. */
  drop(): Promise<void>;
}

/** Without a record in the write-ahead log for each page: a third of the time, to make it and to drop it. */
const COPIED_AS_FILES = " STRATEGY file_copy";

/** The major version of the server, such as 18. */
export function postgresMajor(): number {
  return Number.parseInt(inject("postgresVersion"), 10);
}

/** True when a pooler stands between the tests and the server. */
function isPooled(): boolean {
  return inject("postgresUrl") !== inject("serverUrl");
}

/** The URL past the pooler, if there is one: for a test that needs a session of its own to prepare or to look. */
export function directUrl(url: string): string {
  const direct = new URL(url);
  direct.host = new URL(inject("serverUrl")).host;
  return direct.href;
}

/** Makes what was changed with ALTER DATABASE hold: it does for new sessions, and the pooler keeps its own. */
export async function renewSessions(databaseUrl: string): Promise<void> {
  if (!isPooled()) return;
  const admin = new URL(inject("postgresUrl"));
  const name = new URL(databaseUrl).pathname.slice(1);
  admin.pathname = "/pgbouncer";
  await query(admin.href, `RECONNECT ${name}`);
}

/**
 * A database with piipe's own tables for all tests of a file, and a pool of so many connections: there from before the first
 * of them to after the last. Call it where hooks are defined, before those that use it.
 */
export function migratedDatabase(connectionsMax = 1): { readonly url: string; readonly pool: PostgresPool } {
  let database: TestDatabase | undefined;
  let pool: PostgresPool | undefined;
  beforeAll(async () => {
    database = await createTestDatabase("migrated");
    pool = openPool({ url: new Secret(database.url), connectionsMax });
  });
  afterAll(async () => {
    await pool?.close();
    await database?.drop();
  });
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("the database is there once the hooks have run");
    return value;
  };
  return {
    get url() {
      return there(database).url;
    },
    get pool() {
      return there(pool);
    },
  };
}

/**
 * A new database on the server of this test run.
 * @param template of all tests, or one made before, with no connection open to it; default: an empty one
 */
export async function createTestDatabase(template?: keyof Templates | TestDatabase): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const templateName = nameOf(template);
  if (typeof template === "object") await endIdleSessions();
  await administer([
    // The pooler keeps its connections when the clients have ended theirs.
    ...(isPooled() && typeof template === "object" ? [endConnections(templateName)] : []),
    `CREATE DATABASE ${name} TEMPLATE ${templateName}${postgresMajor() < 15 ? "" : COPIED_AS_FILES}`,
  ]);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () =>
      administer([
        // DROP DATABASE … WITH (FORCE) is of PostgreSQL 13; the tests run on 10 as well.
        endConnections(name),
        `DROP DATABASE IF EXISTS ${name}`,
      ]),
  };
}

function nameOf(template: keyof Templates | TestDatabase | undefined): string {
  if (template === undefined) return "template1";
  return typeof template === "string" ? inject("templates")[template] : new URL(template.url).pathname.slice(1);
}

/** Runs one query, in a session that holds nothing of another test. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  // A server of the test's own may be restarted, or count its connections.
  if (new URL(url).host !== new URL(inject("postgresUrl")).host) {
    return withClient(url, async (client) => (await client.query<Row>(text, [...values])).rows);
  }
  const client = takeIdle(url) ?? (await openIdle(url));
  try {
    const { rows } = await client.query<Row>(text, [...values]);
    idle.push({ url, client });
    return rows;
  } catch (error) {
    // It may have failed with the connection.
    await client.end().catch(() => {});
    throw error;
  } finally {
    if (idle.length > IDLE_MAX) await idle.shift()?.client.end();
  }
}

/** Connecting takes ten times as long as a query. */
const IDLE_MAX = 3;
const idle: Array<{ readonly url: string; readonly client: pg.Client }> = [];

function takeIdle(url: string): pg.Client | null {
  const index = idle.findIndex((each) => each.url === url);
  return idle.splice(index, index < 0 ? 0 : 1)[0]?.client ?? null;
}

async function openIdle(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  const forget = (): void => void idle.splice(0, idle.length, ...idle.filter((each) => each.client !== client));
  // The server may end it meanwhile.
  client.on("error", forget).on("end", forget);
  await client.connect();
  return client;
}

/** Ends the sessions that `query` keeps: at the end of each test file, and for what needs a database without any. */
export async function endIdleSessions(): Promise<void> {
  await Promise.all(idle.splice(0).map(({ client }) => client.end()));
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

function endConnections(databaseName: string): string {
  return `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${databaseName}'`;
}

async function administer(statements: readonly string[]): Promise<void> {
  await withClient(inject("serverUrl"), async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

/** How often a table's indexes were scanned, and how many of its rows were read one after the other: as sessions report at their end. */
export async function scansOf(url: string, table: string): Promise<{ readonly index: number; readonly read: number }> {
  const [scans] = await query<{ index: number; read: number }>(
    url,
    `SELECT coalesce(idx_scan, 0)::int AS index, seq_tup_read::int AS read
     FROM pg_stat_user_tables WHERE relname = '${table}'`,
  );
  return scans ?? { index: 0, read: 0 };
}
