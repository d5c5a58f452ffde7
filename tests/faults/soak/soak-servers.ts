import { onTestFinished } from "vitest";
import { createLoginPipeline, type LoginPipeline } from "../../support/login-pipeline.ts";
import { type PostgresProxy, startPostgresProxy } from "../../support/postgres-proxy.ts";
import { query } from "../../support/postgres.ts";
import { type RestartablePostgres, startRestartablePostgres } from "../../support/restartable-postgres.ts";
import { type SqsFaultKind, type SqsFaults, startSqsFaults } from "../../support/sqs-faults.ts";
import { queueArn, type TestSqs, testSqs } from "../../support/sqs.ts";
import { CommitWitness } from "./commit-witness.ts";

/** Shares of the requests, messages or entries that each kind can hit. */
const QUEUE_FAULT_RATES: Readonly<Record<SqsFaultKind, number>> = {
  "error 500": 0.05,
  throttle: 0.05,
  "duplicate, same handle": 0.05,
  "duplicate, new handle": 0.05,
  reorder: 0.2,
  hang: 0.004,
  "truncated reply": 0.02,
  "bad MD5": 0.005,
  "clock skew": 0.003,
  "expired token": 0.004,
  "over limit": 0.02,
  "failed delete entry": 0.1,
  "mangled batch reply": 0.02,
};

/** Short, so that what a killed worker held comes back soon. */
const VISIBILITY_SECONDS = 5;

/** What a leg runs on: real servers, what stands in front of them, and the configuration of its workers. */
export interface SoakServers {
  readonly postgres: RestartablePostgres;
  /** Past the proxy. */
  readonly databaseUrl: string;
  readonly proxy: PostgresProxy;
  readonly sqs: TestSqs;
  readonly queueFaults: SqsFaults;
  readonly witness: CommitWitness;
  readonly pipeline: LoginPipeline;
  /** Of the workers: they meet the faults. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Ended with the test that starts them, however that ends: also when it takes too long, or one of them does not start. */
export async function startSoakServers(seed: number): Promise<SoakServers> {
  const postgres = await startRestartablePostgres();
  onTestFinished(() => postgres.stop());
  const sqs = testSqs();
  const databaseUrl = await createDatabase(postgres.url);
  const pipeline = await createLoginPipeline(sqs, {
    // Gone with its server.
    database: { url: databaseUrl, drop: async () => {} },
    queueAttributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) },
  });
  onTestFinished(() => pipeline.remove());
  const witness = new CommitWitness(databaseUrl, await queueArn(sqs.endpoint, pipeline.queue.url));
  onTestFinished(() => witness.close());
  const queueFaults = await startSqsFaults(sqs.endpoint, {
    seed,
    rates: { ...QUEUE_FAULT_RATES },
    beforeDelete: (messageIds) => witness.look(messageIds),
  });
  onTestFinished(() => queueFaults.stop());
  const proxy = await startPostgresProxy(databaseUrl);
  onTestFinished(() => proxy.close());
  const environment = { ...pipeline.environment, DATABASE_URL: proxy.url, AWS_ENDPOINT_URL_SQS: queueFaults.endpoint };
  return { postgres, databaseUrl, proxy, sqs, queueFaults, witness, pipeline, environment };
}

async function createDatabase(serverUrl: string): Promise<string> {
  await query(serverUrl, "CREATE DATABASE soak");
  const url = new URL(serverUrl);
  url.pathname = "/soak";
  return url.href;
}
