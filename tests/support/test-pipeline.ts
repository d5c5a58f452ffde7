import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrateDatabase } from "../../src/app/migrate-database.ts";
import { openDatabase } from "../../src/app/open-database.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { writeNewKeys } from "../../src/keys/new-keyring.ts";
import { LOCAL_AWS } from "./cli.ts";
import { query, type TestDatabase } from "./postgres.ts";
import type { TestSqs } from "./sqs.ts";

/** A database, a queue, a keyring and a configuration, for the command line. */
export interface TestPipeline {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  readonly queue: { readonly name: string; readonly url: string };
  readonly quarantined: () => Promise<ReadonlyArray<{ readonly reason: string; readonly path: string | null }>>;
  readonly remove: () => Promise<void>;
}

export interface TestPipelineOptions {
  /** Dropped with the pipeline. */
  readonly database: TestDatabase;
  /** The configuration, but for `source`, `keys` and the database's URL. */
  readonly config: string;
  /** More of `source`, such as `, unwrap: sns`. Default: nothing. */
  readonly source?: string;
  /** More of `sink.postgres`. Default: nothing. */
  readonly sink?: string;
  readonly queueAttributes?: Readonly<Record<string, string>> | undefined;
  /** Where the pipeline finds the queue. Default: the server itself. */
  readonly endpoint?: string | undefined;
  /** Whether the database is still to be migrated. */
  readonly migrates: boolean;
}

export async function createTestPipeline(sqs: TestSqs, options: TestPipelineOptions): Promise<TestPipeline> {
  const { database, config, source = "", sink = "", queueAttributes, endpoint, migrates } = options;
  const queue = await sqs.createTestQueue(queueAttributes);
  const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  const environment = {
    ...LOCAL_AWS,
    DATABASE_URL: database.url,
    AWS_ENDPOINT_URL_SQS: endpoint ?? sqs.endpoint,
  };
  await writeFile(
    join(folder, "piipe.yaml"),
    `source: { sqs: { queue: ${queue.name} }${source} }
sink: { postgres: { url: "\${DATABASE_URL}"${sink} } }
keys: { file: ./piipe.keys.json }
${config}`,
  );
  // In this process: most tests begin here, and a command takes half a second to start.
  await writeNewKeys({
    keyringFile: join(folder, "piipe.keys.json"),
    privateFile: join(folder, "piipe.private.json"),
  });
  if (migrates) {
    const loaded = await loadConfig(join(folder, "piipe.yaml"), environment);
    const pool = openDatabase(loaded);
    await migrateDatabase(loaded, pool).finally(() => pool.close());
  }
  return {
    folder,
    environment,
    databaseUrl: database.url,
    queue,
    quarantined: () =>
      query(database.url, "SELECT reason, path FROM piipe.quarantine ORDER BY reason, path NULLS FIRST"),
    async remove() {
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
}
