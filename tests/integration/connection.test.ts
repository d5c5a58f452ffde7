import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { afterEach, expect, inject, test, vi } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { TIMEOUTS, inTransaction } from "../../src/postgres/transaction.ts";
import { query } from "../support/postgres.ts";
import { until } from "../support/until.ts";

const pools: PostgresPool[] = [];

function poolOf(url: string): PostgresPool {
  const pool = openPool({ url: new Secret(url), connectionsMax: 1 });
  pools.push(pool);
  return pool;
}

function urlWith(change: (url: URL) => void): string {
  const url = new URL(inject("postgresUrl"));
  change(url);
  return url.href;
}

afterEach(async () => {
  for (const pool of pools.splice(0)) {
    await pool.close();
    await pool.close();
  }
});

async function closedPort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}

function portOf(server: Server): string {
  const address = server.address();
  return typeof address === "object" && address !== null ? String(address.port) : "";
}

/** The time limit for making a connection is 10 s. */
const PROMPTLY_MS = 5_000;

test.each([
  ["the password is wrong", (url: URL) => (url.password = "canary-password"), "database.credentials", false],
  ["there is no password", (url: URL) => (url.password = ""), "database.credentials", false],
  ["the user is unknown", (url: URL) => (url.username = "nobody"), "database.credentials", false],
  ["the database does not exist", (url: URL) => (url.pathname = "/nowhere"), "database.not-found", false],
  [
    "TLS is asked of a server without",
    (url: URL) => (url.search = "?sslmode=verify-full"),
    "database.unreachable",
    false,
  ],
])("when %s, it says so", async (_, change, code, retryable) => {
  const url = urlWith(change);
  const error: unknown = await poolOf(url)
    .connect()
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, retryable, hint: expect.any(String) });
  expect((error as Error).message).toContain(new URL(url).host);
  const { password } = new URL(url);
  if (password !== "") expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(password);
});

test("a port where nobody listens is retryable, and named with the database", async () => {
  const port = await closedPort();
  await expect(poolOf(urlWith((url) => (url.port = port))).connect()).rejects.toMatchObject({
    code: "database.unreachable",
    retryable: true,
    message: `PostgreSQL cannot be reached at 127.0.0.1:${port}, database postgres (ECONNREFUSED)`,
  });
});

test.each([
  "mysql://u:canary@h/d",
  "postgres://u:canary@h:port/d",
  "postgres://odd:x@canary/seven@127.0.0.1:5432/db",
  "postgres://u:1?canary@127.0.0.1/db",
  "canary",
])("%s is no URL, and is not quoted", (url) => {
  let error: unknown;
  try {
    openPool({ url: new Secret(url), connectionsMax: 1 });
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: "config.invalid" });
  expect(inspect(error, { depth: 10, showHidden: true }).split("\n    at ")[0]).not.toContain("canary");
});

test("the driver says nothing on stderr of a TLS mode, and takes it for the strictest as before", async () => {
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  for (const mode of ["prefer", "require", "verify-ca"]) {
    const pool = poolOf(urlWith((url) => (url.search = `?application_name=x&sslmode=${mode}`)));
    await expect(pool.connect()).rejects.toMatchObject({ code: "database.unreachable" });
  }
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

test.each(["sslcert", "sslkey"])("a file of %s that holds none is not tried again", async (setting) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write("S"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const pool = poolOf(
    urlWith((url) => {
      url.port = portOf(server);
      url.search = `?sslmode=verify-full&${setting}=${fileURLToPath(import.meta.url)}`;
    }),
  );
  await expect(pool.connect()).rejects.toMatchObject({
    code: "database.unreachable",
    retryable: false,
    message: expect.stringContaining("the certificate or key of this end cannot be used") as unknown,
  });
  server.close();
});

test("an idle connection's death is no event: the next statement has a new one", async () => {
  const pool = poolOf(inject("postgresUrl"));
  const ask = async (): Promise<string | null | undefined> => {
    const { rows } = await pool.query("asking", "SELECT pg_backend_pid()::text AS pid");
    return rows[0]?.["pid"];
  };
  const before = await ask();
  // Past a pooler, which might give this statement the very session that it ends.
  await query(inject("serverUrl"), "SELECT pg_terminate_backend($1)", [before]);
  // The socket's end may reach us after the next statement went out: that one fails, and may be run again.
  const after = await ask().catch(ask);
  expect(after).not.toBe(before);
});

test("connections carry the program's name", async () => {
  const { rows } = await poolOf(inject("postgresUrl")).query(
    "asking",
    "SELECT current_setting('application_name') AS name",
  );
  expect(rows).toEqual([{ name: "piipe" }]);
});

test("an abort ends the wait for a connection", async () => {
  const pool = poolOf(inject("postgresUrl"));
  const taken = await pool.connect();
  const abort = new AbortController();
  const waiting = expect(pool.connect(abort.signal)).rejects.toMatchObject({ code: "interrupted" });
  abort.abort();
  await waiting;
  taken.release();
  // The connection that the aborted wait got is back in the pool.
  (await pool.connect()).release();
});

test("an abort ends a statement that is under way, and the next one has a new connection", async () => {
  const pool = poolOf(inject("postgresUrl"));
  const abort = new AbortController();
  const mark = `SELECT pg_sleep(600)::text -- ${randomUUID()}`;
  const asking = expect(pool.query("asking", mark, undefined, abort.signal)).rejects.toMatchObject({
    code: "interrupted",
    message: "stopped while asking",
  });
  const sleeping = (): Promise<{ pid: number }[]> =>
    query(inject("postgresUrl"), "SELECT pid FROM pg_stat_activity WHERE query = $1", [mark]);
  await until("the statement runs", async () => (await sleeping()).length > 0);
  abort.abort();
  await asking;
  expect((await pool.query("asking", "SELECT 1::text AS one")).rows).toEqual([{ one: "1" }]);
  for (const { pid } of await sleeping()) await query(inject("serverUrl"), "SELECT pg_terminate_backend($1)", [pid]);
});

test("an aborted signal asks nothing", async () => {
  await expect(
    poolOf(inject("postgresUrl")).query("asking", "SELECT 1", undefined, AbortSignal.abort()),
  ).rejects.toMatchObject({ code: "interrupted" });
});

test.each([
  ["", 1],
  ["?sslmode=verify-full", 2],
])("close ends at once though a server%s is silent after %i packets", async (search, packets) => {
  let received = 0;
  let isClosed = false;
  const server = createServer((socket) => {
    socket.on("data", () => {
      received += 1;
      // Agrees to TLS, and says nothing more.
      if (received < packets) socket.write("S");
    });
    socket.on("error", () => {});
    socket.on("close", () => (isClosed = true));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const pool = poolOf(
    urlWith((url) => {
      url.port = portOf(server);
      url.search = search;
    }),
  );
  const abort = new AbortController();
  const waiting = expect(pool.connect(abort.signal)).rejects.toMatchObject({ code: "interrupted" });
  await until("the server waits no more for the client", () => received === packets);
  abort.abort();
  await waiting;
  const startedMs = performance.now();
  await pool.close();
  await until("the socket is closed", () => isClosed);
  expect(performance.now() - startedMs).toBeLessThan(PROMPTLY_MS);
  server.close();
});

test("close waits for a connection in use", async () => {
  const pool = poolOf(inject("postgresUrl"));
  const connection = await pool.connect();
  let isClosed = false;
  const closing = pool.close().then(() => (isClosed = true));
  expect((await connection.query("asking", "SELECT 1::text AS one")).rows).toEqual([{ one: "1" }]);
  expect(isClosed).toBe(false);
  connection.release();
  await closing;
});

test("names stand in a failure as the catalogue has them: what a function in the database calls one is not shown", async () => {
  const pool = poolOf(inject("postgresUrl"));
  const raise = (using: string): string =>
    `DO $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '23514', ${using}; END $$`;
  const made = raise("CONSTRAINT = 'jane@canary', TABLE = 'canary table', COLUMN = 'canary column', SCHEMA = 'canary'");
  const real = raise("CONSTRAINT = 'jane@canary', TABLE = 'pg_class', COLUMN = 'relname', SCHEMA = 'pg_catalog'");
  const options = { doing: "trying", statementTimeoutMs: 5_000, lockTimeoutMs: 5_000 };
  for (const run of [
    (text: string) => pool.query("trying", text),
    (text: string) => inTransaction(pool, options, (statement) => statement(text)),
  ]) {
    await expect(run(made)).rejects.toMatchObject({
      message: "a constraint of the table refused a row, while trying (SQLSTATE 23514)",
      facts: { constraint: "jane@canary" },
      shown: { constraint: null, table: null, column: null, schema: null },
    });
    await expect(run(real)).rejects.toMatchObject({
      message:
        "a constraint of the table refused a row, while trying (SQLSTATE 23514, table pg_catalog.pg_class, column relname)",
    });
  }
});

test.each([
  ["the usual", {}, { statement: "30s", lock: "10s" }],
  ["others", TIMEOUTS.besideOthers, { statement: "30s", lock: "2s" }],
])("a transaction has limits: %s", async (_, limits, shown) => {
  const pool = poolOf(inject("postgresUrl"));
  const { rows } = await inTransaction(pool, { doing: "asking", ...limits }, (run) =>
    run("SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock"),
  );
  expect(rows).toEqual([shown]);
});
