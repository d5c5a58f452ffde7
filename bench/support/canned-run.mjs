/** One run of piipe over the canned queue, into a new database. */
import { countRows } from "./databases.mjs";
import { expectCount, measureRun } from "./measure.mjs";
import { startPiipe } from "./program.mjs";

/**
 * @typedef {object} CannedRunPlan
 * @property {import("./databases.mjs").PipelineFiles} pipeline
 * @property {import("../servers/canned-queue.mjs").CannedSettings} queue
 * @property {readonly import("../servers/meter.mjs").Mark[]} [marks] beside the end
 * @property {readonly string[]} [args] of `piipe run`
 * @property {(databaseUrl: string) => Promise<void>} [prepare] the new database
 * @property {string} [storedIn] the table that gets a row for each message; default: the pipeline's
 */

/**
 * @param {import("./stand.mjs").Stand} stand
 * @param {CannedRunPlan} plan
 * @returns {Promise<import("./measure.mjs").Run>}
 */
export async function runOverCanned({ canned, databases, environmentFor, postgresPid }, plan) {
  const { pipeline, queue, marks = [], args = [], prepare, storedIn = pipeline.table } = plan;
  const environment = environmentFor(canned.endpoint);
  const databaseUrl = await databases.create(pipeline, environment);
  await prepare?.(databaseUrl);
  await canned.configure(queue);
  const run = await measureRun({
    server: canned,
    count: queue.count,
    marks,
    start: () =>
      startPiipe(["run", "--config", pipeline.config, "--until-empty", ...args], {
        ...environment,
        DATABASE_URL: databaseUrl,
      }),
    pids: { postgres: postgresPid, queue: canned.pid },
  });
  expectCount(`rows of ${storedIn}`, await countRows(databaseUrl, storedIn), queue.count);
  await databases.drop(databaseUrl);
  return run;
}
