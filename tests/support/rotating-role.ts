import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { directUrl, query } from "./postgres.ts";

/** A role whose password changes, over and over. */
export interface RotatingRole {
  readonly name: string;
  /** The database's URL with the role's name and no password, past a pooler. */
  readonly url: string;
  readonly password: () => string;
  /** Changes the password in the database, ends the role's connections, and only then publishes the new one. */
  rotate(): Promise<void>;
  /** The same until the function that it returns is called, which gives how often it was done. */
  keepRotating(pauseMs: number): () => Promise<number>;
  drop(): Promise<void>;
}

export async function createRotatingRole(
  databaseUrl: string,
  publish: (login: { readonly name: string; readonly password: string }) => Promise<void>,
): Promise<RotatingRole> {
  const name = `rotating_${randomBytes(6).toString("hex")}`;
  const admin = directUrl(databaseUrl);
  const url = new URL(admin);
  url.username = name;
  url.password = "";
  let password = "";
  const renew = async (statement: string): Promise<void> => {
    password = randomBytes(12).toString("hex");
    await query(admin, `${statement} PASSWORD '${password}'`);
  };
  await renew(`CREATE ROLE ${name} LOGIN SUPERUSER`);
  await publish({ name, password });
  const rotate = async (): Promise<void> => {
    await renew(`ALTER ROLE ${name}`);
    await query(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [name]);
    await publish({ name, password });
  };
  return {
    name,
    url: url.href,
    password: () => password,
    rotate,
    keepRotating(pauseMs) {
      const ended = new AbortController();
      const rotating = (async () => {
        let times = 0;
        for (; !ended.signal.aborted; times += 1) {
          await rotate();
          await sleep(pauseMs, undefined, { signal: ended.signal }).catch(() => {});
        }
        return times;
      })();
      return () => {
        ended.abort();
        return rotating;
      };
    },
    async drop() {
      await query(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [name]);
      await query(admin, `DROP ROLE ${name}`);
    },
  };
}
