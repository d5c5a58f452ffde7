/**
 * Loaded into a worker before its command (`node --import`): kills the process with SIGKILL when it next passes the point
 * that a message names. The worker's own code knows nothing of it, and its end is not put off by it.
 * JavaScript, not TypeScript: the worker's Node reads no types.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import pg from "pg";

/** @typedef {import("./doomed-worker.ts").KillPoint} KillPoint */

/** @param {string} path of a module of the built worker: the same instance that the worker uses */
const built = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href);
/** @type {typeof import("../../src/sources/sqs/client/sqs-client.ts")} */
const { SqsClient } = await built("sources/sqs/client/sqs-client.js");
/** @type {typeof import("../../src/pipeline/open-batch.ts")} */
const { OpenBatch } = await built("pipeline/open-batch.js");

/** @type {KillPoint | null} */
let awaited = null;

/** @param {KillPoint} point */
function pass(point) {
  if (awaited !== point) return;
  // Synchronous: the process is gone with the next line.
  writeSync(2, `killed at ${point}\n`);
  process.kill(process.pid, "SIGKILL");
}

process.on("message", (message) => {
  awaited = /** @type {{ killAt: KillPoint }} */ (message).killAt;
});
process.channel?.unref();
// A worker must not outlive the test that would have killed it.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

/**
 * @template {object} T
 * @template {keyof T} K
 * @param {T} prototype
 * @param {K} name
 * @param {(original: T[K]) => T[K]} wrap
 */
function replace(prototype, name, wrap) {
  prototype[name] = wrap(prototype[name]);
}

replace(
  OpenBatch.prototype,
  "addRecord",
  (addRecord) =>
    /** @this {import("../../src/pipeline/open-batch.ts").OpenBatch} */
    function (record, delivery) {
      addRecord.call(this, record, delivery);
      pass("masked");
    },
);

/** Deletes under way or waiting, and the end of the last of them. */
let deletesUnderWay = 0;
let lastDelete = Promise.resolve();
replace(
  SqsClient.prototype,
  "call",
  (call) =>
    /** @this {import("../../src/sources/sqs/client/sqs-client.ts").SqsClient} */
    async function (action, input, signal) {
      const isDelete = action === "DeleteMessageBatch";
      let end = () => {};
      if (isDelete) {
        deletesUnderWay += 1;
        const before = lastDelete;
        lastDelete = new Promise((resolve) => (end = resolve));
        // One after the other: sent at once, the server would carry all of them out, whenever their sender dies.
        if (awaited === "mid-delete") await before;
      }
      try {
        const output = await call.call(this, action, input, signal);
        if ("Messages" in output && output.Messages.length > 0) pass("received");
        if (isDelete && deletesUnderWay > 1) pass("mid-delete");
        return /** @type {import("../../src/sources/sqs/client/sqs-actions.ts").ActionOutputs[typeof action]} */ (
          output
        );
      } finally {
        if (isDelete) deletesUnderWay -= 1;
        end();
      }
    },
);

/** Connections in a transaction that has claimed. */
const claiming = new WeakSet();
/** @type {{ query: (...parameters: unknown[]) => unknown }} */
const clientPrototype = pg.Client.prototype;
replace(
  clientPrototype,
  "query",
  (query) =>
    /** @this {pg.Client} */
    function (...parameters) {
      const [text] = parameters;
      if (typeof text !== "string") return query.apply(this, parameters);
      if (text.startsWith("BEGIN")) claiming.delete(this);
      const isCommit = text === "COMMIT" && claiming.delete(this);
      const isClaim = text.trimStart().startsWith("WITH claimed AS");
      if (isCommit) pass("before COMMIT");
      const replied = query.apply(this, parameters);
      if (!isCommit && !isClaim) return replied;
      return /** @type {Promise<unknown>} */ (replied).then((result) => {
        if (isClaim) claiming.add(this);
        pass(isClaim ? "claimed" : "after COMMIT");
        return result;
      });
    },
);
