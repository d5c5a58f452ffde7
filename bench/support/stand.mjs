/** The servers and files that all measurements share. */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { killChildren } from "./children.mjs";
import { Databases } from "./databases.mjs";
import { startPiipe } from "./program.mjs";
import { startQueueServer } from "./queue-server.mjs";

/** @type {typeof import("../../src/embedded/postgres.ts")} */
const { startPostgres } = await import(new URL("../../dist/embedded/postgres.js", import.meta.url).href);

/**
 * @typedef {object} Stand
 * @property {string} postgresVersion
 * @property {number} postgresPid its descendants are all that the server runs
 * @property {import("./queue-server.mjs").QueueServer} fauxqs a whole SQS-compatible server
 * @property {import("./queue-server.mjs").QueueServer} canned the cheapest that answers at all
 * @property {Databases} databases
 * @property {(endpoint: string) => Record<string, string>} environmentFor of a program that reads from the queue server
 * @property {() => Promise<void>} close ends all that the benchmark has started; safe twice
 */

/** @returns {Promise<Stand>} */
export async function openStand() {
  const folder = await mkdtemp(join(tmpdir(), "piipe-bench-"));
  // As the processes are ended, and the database by its guardian: also when a signal ends this process.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const postgres = await startPostgres();
  const close = () => {
    killChildren();
    return postgres.stop();
  };
  try {
    const keysFile = join(folder, "piipe.keys.json");
    const privateFile = join(folder, "piipe.private.json");
    const keys = await startPiipe(["keys", "new", "--file", keysFile, "--private-file", privateFile], {});
    await keys.ended;
    const hmacKey = randomBytes(32).toString("base64");
    const postmaster = await readFile(join(dirname(postgres.logFile), "data", "postmaster.pid"), "utf8");
    return {
      postgresVersion: postgres.version,
      postgresPid: Number.parseInt(postmaster, 10),
      fauxqs: await startQueueServer("fauxqs"),
      canned: await startQueueServer("canned-queue"),
      databases: new Databases(postgres.url),
      environmentFor: (endpoint) => ({
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
        AWS_REGION: "us-west-1",
        // boto3 knows no other.
        AWS_DEFAULT_REGION: "us-west-1",
        AWS_ENDPOINT_URL_SQS: endpoint,
        PIIPE_KEYS_FILE: keysFile,
        HMAC_KEY: hmacKey,
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
