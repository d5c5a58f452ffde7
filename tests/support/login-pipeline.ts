import { readFile } from "node:fs/promises";
import { SAMPLE_TABLE_FILE } from "../../src/embedded/sample-events.ts";
import { createTestDatabase, query, type TestDatabase } from "./postgres.ts";
import type { TestSqs } from "./sqs.ts";
import { createTestPipeline, type TestPipeline } from "./test-pipeline.ts";

/** A pipeline with the original table. */
export interface LoginPipeline extends TestPipeline {
  readonly rows: () => Promise<number>;
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
  const pipeline = await createTestPipeline(sqs, {
    database,
    config: `${options.settings ?? ""}\ncolumns:${options.columns ?? LOGIN_COLUMNS}`,
    source: options.unwrap === undefined ? "" : `, unwrap: ${options.unwrap}`,
    sink: ", table: user_logins",
    queueAttributes: options.queueAttributes,
    endpoint: options.endpoint,
    // The template is what this leads to with the configuration as it is by default.
    migrates: isMigrated && (!isNew || options.columns !== undefined || options.settings !== undefined),
  });
  return {
    ...pipeline,
    async rows() {
      const [row] = await query<{ count: string }>(database.url, "SELECT count(*) FROM user_logins");
      return Number(row?.count);
    },
  };
}
