import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrateDatabase } from "../../src/app/migrate-database.ts";
import { openDatabase } from "../../src/app/open-database.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { SAMPLE_TABLE_FILE } from "../../src/embedded/sample-events.ts";
import { writeNewKeys } from "../../src/keys/new-keyring.ts";
import { LOCAL_AWS } from "./cli.ts";
import { createTestDatabase, query, type TestDatabase } from "./postgres.ts";
import type { TestSqs } from "./sqs.ts";

/** A database with the original table, a queue, a keyring and a configuration, for the command line. */
export interface LoginPipeline {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly databaseUrl: string;
  readonly queue: { readonly name: string; readonly url: string };
  readonly rows: () => Promise<number>;
  readonly quarantined: () => Promise<ReadonlyArray<{ readonly reason: string; readonly path: string | null }>>;
  readonly remove: () => Promise<void>;
}

export interface LoginPipelineOptions {
  readonly queueAttributes?: Readonly<Record<string, string>>;
  /** The columns' YAML, each line indented by two. Default: those of the original table, masked with HMAC. */
  readonly columns?: string;
  /** The YAML of what the bodies are wrapped in. Default: nothing. */
  readonly unwrap?: string;
  /** More YAML at the top. */
  readonly settings?: string;
  /** Where the pipeline finds the queue. Default: the server itself. */
  readonly endpoint?: string;
  readonly isMigrated?: boolean;
  /** Default: a new one on the server of this test run. */
  readonly database?: TestDatabase;
}

export const LOGIN_COLUMNS = `
  user_id: { type: text }
  device_type: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256 }
  locale: { type: text, nullable: true }
  app_version: { type: version }
  create_date: { from: "@sent_at", type: date }
`;

export async function createLoginPipeline(sqs: TestSqs, options: LoginPipelineOptions = {}): Promise<LoginPipeline> {
  const isNew = options.database === undefined;
  const isMigrated = options.isMigrated ?? true;
  const database = options.database ?? (await createTestDatabase(isMigrated ? "logins" : undefined));
  if (!isNew || !isMigrated) await query(database.url, await readFile(SAMPLE_TABLE_FILE, "utf8"));
  const queue = await sqs.createTestQueue(options.queueAttributes);
  const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  const environment = {
    ...LOCAL_AWS,
    DATABASE_URL: database.url,
    AWS_ENDPOINT_URL_SQS: options.endpoint ?? sqs.endpoint,
  };
  await writeFile(
    join(folder, "piipe.yaml"),
    `source: { sqs: { queue: ${queue.name} }${options.unwrap === undefined ? "" : `, unwrap: ${options.unwrap}`} }
sink: { postgres: { url: "\${DATABASE_URL}", table: user_logins } }
keys: { file: ./piipe.keys.json }
${options.settings ?? ""}
columns:${options.columns ?? LOGIN_COLUMNS}`,
  );
  // In this process: most tests begin here, and a command takes half a second to start.
  await writeNewKeys({
    keyringFile: join(folder, "piipe.keys.json"),
    privateFile: join(folder, "piipe.private.json"),
  });
  // The template is what this leads to with the configuration as it is by default.
  if (isMigrated && (!isNew || options.columns !== undefined || options.settings !== undefined)) {
    const config = await loadConfig(join(folder, "piipe.yaml"), environment);
    const pool = openDatabase(config);
    await migrateDatabase(config, pool).finally(() => pool.close());
  }
  return {
    folder,
    environment,
    databaseUrl: database.url,
    queue,
    async rows() {
      const [row] = await query<{ count: string }>(database.url, "SELECT count(*) FROM user_logins");
      return Number(row?.count);
    },
    quarantined: () =>
      query(database.url, "SELECT reason, path FROM piipe.quarantine ORDER BY reason, path NULLS FIRST"),
    async remove() {
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
}
