import { randomBytes } from "node:crypto";
import { query } from "./postgres.ts";

export interface TestRole {
  readonly name: string;
  /** The database's URL with this role's login. */
  readonly url: string;
  /** Drops the role with its rights and all that it owns in the database. */
  drop(): Promise<void>;
}

/** A new role that may log in and has no other right. */
export async function createTestRole(databaseUrl: string): Promise<TestRole> {
  const name = `role_${randomBytes(6).toString("hex")}`;
  const password = randomBytes(12).toString("hex");
  await query(databaseUrl, `CREATE ROLE ${name} LOGIN PASSWORD '${password}'`);
  const url = new URL(databaseUrl);
  url.username = name;
  url.password = password;
  return {
    name,
    url: url.href,
    drop: async () => {
      await query(databaseUrl, `DROP OWNED BY ${name} CASCADE`);
      await query(databaseUrl, `DROP ROLE ${name}`);
    },
  };
}
