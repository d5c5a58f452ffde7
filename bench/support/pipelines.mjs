/** The pipelines that are run, with their tables. */
import { fileURLToPath } from "node:url";

/** @typedef {import("./databases.mjs").PipelineFiles} PipelineFiles */

const pathOf = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The example's, as its reader would run it.
 * @type {PipelineFiles}
 */
export const LOGINS = { name: "logins", config: pathOf("../../examples/logins/piipe.yaml"), table: "user_logins" };

/**
 * Long events.
 * @type {PipelineFiles}
 */
export const NOTES = { name: "notes", config: pathOf("../pipelines/notes.yaml"), table: "notes" };

/**
 * Events that carry their sending time into the table.
 * @type {PipelineFiles}
 */
export const TIMED = {
  name: "timed",
  config: pathOf("../pipelines/timed.yaml"),
  table: "timed",
  sql: `CREATE TABLE timed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sent_ms double precision NOT NULL,
    user_id text NOT NULL,
    masked_ip text NOT NULL,
    masked_device_id text NOT NULL)`,
};
