import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli } from "./cli.ts";
import { LOGIN_COLUMNS } from "./login-pipeline.ts";

export interface OfflineFolder {
  readonly folder: string;
  remove(): Promise<void>;
}

/** A configuration with keys, whose queue and database do not exist: for what ends before they are asked. */
export async function createOfflineFolder(columns = LOGIN_COLUMNS): Promise<OfflineFolder> {
  const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  await writeFile(
    join(folder, "piipe.yaml"),
    `source: { sqs: { queue: unused } }
sink: { postgres: { url: "postgres://unused@127.0.0.1:9/unused", table: user_logins } }
keys: { file: ./piipe.keys.json }
columns:${columns}`,
  );
  await runCli(["keys", "new"], { folder });
  return { folder, remove: () => rm(folder, { recursive: true }) };
}
