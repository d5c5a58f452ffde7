import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { openPool } from "../../src/postgres/connection.ts";
import { inspectServer, type ServerFacts } from "../../src/postgres/inspect-server.ts";
import { findPgBouncer, startPgBouncer } from "../support/pgbouncer.ts";
import { createTestDatabase, postgresMajor, type TestDatabase } from "../support/postgres.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** `server`: another way to the test's database. */
async function inspect(server: string, nowMs = (): number => Date.now()): Promise<ServerFacts> {
  const url = new URL(server);
  url.pathname = new URL(database.url).pathname;
  const pool = openPool({ url: new Secret(url.href), connectionsMax: 1 });
  try {
    return await inspectServer(pool, nowMs);
  } finally {
    await pool.close();
  }
}

it("tells the version, the role of the server and the way to it", async () => {
  const facts = await inspect(inject("serverUrl"));
  expect(facts).toMatchObject({
    engine: "postgresql",
    majorVersion: postgresMajor(),
    isStandby: false,
    isReadOnly: false,
  });
  expect(facts).toMatchObject({ tls: null, pooler: null, clockOffsetMs: 0 });
  expect(facts.connectionsLeft).toBeGreaterThan(0);
});

it.each([3_600_000, -3_600_000])("tells a clock that is %d ms away", async (offsetMs) => {
  const { clockOffsetMs } = await inspect(inject("serverUrl"), () => Date.now() - offsetMs);
  expect(Math.abs(clockOffsetMs - offsetMs)).toBeLessThan(60_000);
});

it.skipIf(findPgBouncer() === null)(
  "sees that a pooler is in between (needs the Debian package pgbouncer)",
  async () => {
    const pooler = await startPgBouncer(inject("serverUrl"));
    try {
      expect(await inspect(pooler.url)).toMatchObject({
        connectionsLeft: null,
        tls: null,
        pooler: { isEncrypted: false, isLocal: true },
      });
    } finally {
      await pooler.stop();
    }
  },
);

const run = promisify(execFile);
const hasOpenssl = await run("openssl", ["version"]).then(
  () => true,
  () => false,
);
/** https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest. */
const SSL_REQUEST_BYTES = 8;

/** Ends the encryption in front of the server, as a TLS proxy of a cloud's does. */
async function startTlsFront(serverUrl: string) {
  const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const parameters = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"];
  await run("openssl", ["req", ...parameters, "-keyout", key, "-out", cert]);
  const identity = { key: await readFile(key), cert: await readFile(cert) };
  const target = new URL(serverUrl);
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    sockets.push(client);
    client.once("data", (request) => {
      if (request.length !== SSL_REQUEST_BYTES) return client.destroy();
      client.write("S");
      const secure = new TLSSocket(client, { isServer: true, ...identity });
      const upstream = connect({ host: target.hostname, port: Number(target.port) });
      sockets.push(upstream);
      for (const socket of [secure, upstream]) socket.on("error", () => {});
      secure.pipe(upstream).pipe(secure);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(serverUrl);
  url.port = String((server.address() as AddressInfo).port);
  url.search = "?sslmode=no-verify";
  return {
    url: url.href,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
      await rm(folder, { recursive: true });
    },
  };
}

it.skipIf(!hasOpenssl)("sees that the connection is encrypted (needs openssl)", async () => {
  const front = await startTlsFront(inject("serverUrl"));
  try {
    expect(await inspect(front.url)).toMatchObject({ tls: "TLSv1.3", pooler: null });
  } finally {
    await front.stop();
  }
});
