import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { migrateDatabase } from "../../src/app/migrate-database.ts";
import { openDatabase } from "../../src/app/open-database.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { Secret } from "../../src/config/secret.ts";
import { SAMPLE_CONFIG_FILE, SAMPLE_TABLE_FILE } from "../../src/embedded/sample-events.ts";
import { openPool } from "../../src/postgres/connection.ts";
import { migrate } from "../../src/storage/schema/migrations.ts";

/** Names of databases that tests clone, instead of migrating one each. */
export interface Templates {
  /** With piipe's own tables, without partitions of the ledger. */
  readonly migrated: string;
  /** What `piipe migrate` leaves for the sample's configuration, with the original table. */
  readonly logins: string;
}

/** @param serverUrl of the server, as its superuser */
export async function createTemplates(serverUrl: string): Promise<Templates> {
  const names: Templates = { migrated: "template_migrated", logins: "template_logins" };
  const [migrated, logins] = [names.migrated, names.logins].map((name) => {
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return url.href;
  }) as [string, string];
  await run(serverUrl, `CREATE DATABASE ${names.migrated}`);
  const pool = openPool({ url: new Secret(migrated), connectionsMax: 1 });
  await migrate(pool).finally(() => pool.close());
  await run(serverUrl, `CREATE DATABASE ${names.logins} TEMPLATE ${names.migrated}`);
  await run(logins, await readFile(SAMPLE_TABLE_FILE, "utf8"));
  const config = await loadConfig(fileURLToPath(SAMPLE_CONFIG_FILE), { DATABASE_URL: logins });
  const owner = openDatabase(config);
  await migrateDatabase(config, owner).finally(() => owner.close());
  return names;
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
