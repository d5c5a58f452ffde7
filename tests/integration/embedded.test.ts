import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type EmbeddedPostgres, startPostgres } from "../../src/embedded/postgres.ts";
import { startSqs } from "../../src/embedded/sqs.ts";
import { isAlive, postmasterPid, type ServerReport, startPostgresOwner } from "../support/postgres-owner.ts";
import { query } from "../support/postgres.ts";
import { callSqs, countMessages } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const OTHER_ADDRESS = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

async function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

const portOf = (url: string): number => Number(new URL(url).port);

describe("PostgreSQL", () => {
  let server: EmbeddedPostgres;
  beforeAll(async () => void (server = await startPostgres()));
  afterAll(() => server.stop());

  test("is a real server with UTF-8, the C locale and full commits", async () => {
    const rows = await query(
      server.url,
      `SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
         current_setting('synchronous_commit') AS commit, datcollate AS collation, 'ß😀' AS text
       FROM pg_database WHERE datname = current_database()`,
    );
    const { version, ...settings } = rows[0] as Record<string, string>;
    expect(version?.startsWith(server.version)).toBe(true);
    expect(settings).toEqual({ encoding: "UTF8", commit: "on", collation: "C", text: "ß😀" });
  });

  test("keeps its data where nobody else can read them", async () => {
    const { mode, uid } = await stat(dirname(server.logFile));
    expect((mode & 0o777).toString(8)).toBe("700");
    expect(uid === 0).toBe(false);
  });

  test("refuses another password", async () => {
    const url = new URL(server.url);
    url.password = "another";
    await expect(query(url.href, "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
  });

  test("has a password and a port of its own for each start, and vanishes when stopped", async () => {
    const other = await startPostgres();
    const pid = await postmasterPid(other.logFile);
    expect(new URL(other.url).password).not.toBe(new URL(server.url).password);
    expect(portOf(other.url)).not.toBe(portOf(server.url));

    await Promise.all([other.stop(), other.stop()]);
    expect(existsSync(dirname(other.logFile))).toBe(false);
    expect(isAlive(pid)).toBe(false);
    expect(await isListening("127.0.0.1", portOf(other.url))).toBe(false);
  });

  test.skipIf(OTHER_ADDRESS === undefined)(
    "cannot be reached from other machines (needs another address)",
    async () => {
      expect(await isListening("127.0.0.1", portOf(server.url))).toBe(true);
      expect(await isListening(OTHER_ADDRESS ?? "", portOf(server.url))).toBe(false);
    },
  );

  test("keeps the values of a refused row out of its log", async () => {
    await query(server.url, "CREATE TABLE refusing (value text CHECK (value = 'right'))");
    await expect(query(server.url, "INSERT INTO refusing VALUES ('personal')")).rejects.toMatchObject({
      code: "23514",
    });
    const log = await readFile(server.logFile, "utf8");
    expect(log).toContain("violates check constraint");
    expect(log).not.toContain("personal");
  });

  test("says so when its programs are not there, and leaves nothing", async () => {
    const temporaryFolder = await mkdtemp(join(tmpdir(), "piipe-test-"));
    onTestFinished(() => rm(temporaryFolder, { recursive: true }));
    const nativeFolder = join(temporaryFolder, "native");
    await mkdir(join(nativeFolder, "bin"), { recursive: true });
    await expect(startPostgres({ nativeFolder })).rejects.toMatchObject({
      name: "PiipeError",
      code: "embedded.failed",
      message: "PostgreSQL's program does not run on this machine: ENOENT",
    });
  });
});

describe("the process that owns PostgreSQL", () => {
  let temporaryFolder: string;
  beforeAll(async () => {
    temporaryFolder = await mkdtemp(join(tmpdir(), "piipe-test-"));
    // The server's user must reach its own folder below.
    await chmod(temporaryFolder, 0o711);
  });
  afterAll(() => rm(temporaryFolder, { recursive: true, force: true }));

  const isNothingLeft = async (): Promise<boolean> => (await readdir(temporaryFolder)).length === 0;

  test.each(["SIGKILL", "SIGTERM"] as const)("leaves nothing behind after %s", async (signal) => {
    const owner = startPostgresOwner("waits for ever", { temporaryFolder });
    const server = (await owner.nextLine()) as ServerReport;
    const pid = await postmasterPid(server.logFile);
    expect(isAlive(pid)).toBe(true);

    owner.process.kill(signal);
    await owner.exited;
    await until("the folder is gone", isNothingLeft);
    expect(isAlive(pid)).toBe(false);
    expect(await isListening("127.0.0.1", portOf(server.url))).toBe(false);
  });

  test("can still write while it drains: Ctrl-C reaches it alone", async () => {
    const owner = startPostgresOwner("drains on SIGINT", { temporaryFolder });
    await owner.nextLine();
    process.kill(-(owner.process.pid ?? 0), "SIGINT");
    expect(await owner.nextLine()).toEqual({ answer: 42 });
    expect(await owner.exited).toBe(0);
    expect(await isNothingLeft()).toBe(true);
  });
});

describe("the queue server", () => {
  test("takes messages in their order, and more than ten at once", async () => {
    const sqs = await startSqs();
    onTestFinished(() => sqs.stop());
    const queueUrl = await sqs.createQueue("ordered.fifo", { FifoQueue: "true" });
    const bodies = Array.from({ length: 25 }, (_, index) => `same body ${index % 3}`);
    await sqs.send(queueUrl, bodies);
    // A second call is not a repetition of the first.
    await sqs.send(queueUrl, bodies.slice(0, 5));
    expect((await countMessages(sqs.endpoint, queueUrl)).total).toBe(30);

    const received: string[] = [];
    while (received.length < bodies.length) {
      const input = { QueueUrl: queueUrl, MaxNumberOfMessages: 5 };
      const { Messages } = (await callSqs(sqs.endpoint, "ReceiveMessage", input)) as {
        Messages: { Body: string; ReceiptHandle: string }[];
      };
      for (const { Body, ReceiptHandle } of Messages) {
        received.push(Body);
        await callSqs(sqs.endpoint, "DeleteMessage", { QueueUrl: queueUrl, ReceiptHandle });
      }
    }
    expect(received).toEqual(bodies);
  });

  test("splits a batch that is larger than SQS takes", async () => {
    const sqs = await startSqs();
    onTestFinished(() => sqs.stop());
    const queueUrl = await sqs.createQueue("large");
    await sqs.send(
      queueUrl,
      Array.from({ length: 5 }, () => "x".repeat(400_000)),
    );
    expect((await countMessages(sqs.endpoint, queueUrl)).total).toBe(5);
  });

  test.skipIf(OTHER_ADDRESS === undefined)(
    "cannot be reached from other machines (needs another address)",
    async () => {
      const sqs = await startSqs();
      onTestFinished(() => sqs.stop());
      expect(await isListening(OTHER_ADDRESS ?? "", portOf(sqs.endpoint))).toBe(false);
    },
  );

  test("listens on 127.0.0.1, and no more once stopped", async () => {
    const sqs = await startSqs();
    const port = portOf(sqs.endpoint);
    expect(sqs.endpoint).toBe(`http://127.0.0.1:${port}`);
    await Promise.all([sqs.stop(), sqs.stop()]);
    expect(await isListening("127.0.0.1", port)).toBe(false);
  });

  test("says so when the port is taken", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void holder.close());
    const address = holder.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    await expect(startSqs({ port })).rejects.toMatchObject({
      code: "embedded.failed",
      message: `the local queue server could not listen on 127.0.0.1:${port}`,
    });
  });
});
