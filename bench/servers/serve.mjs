/**
 * The control of a queue server's process: commands come over the channel to the process that started it, and the end
 * of that process ends this one.
 */
import process from "node:process";

/**
 * @typedef {object} ServerControl
 * @property {string} endpoint
 * @property {import("./meter.mjs").Meter} meter
 * @property {(settings: import("./canned-queue.mjs").CannedSettings) => void} [configure] of the canned queue only
 * @property {() => void} [release] of the canned queue only
 */

/** @param {ServerControl} server */
export function serve(server) {
  const { meter } = server;
  /** @type {Record<string, (argument: never) => unknown>} */
  const commands = {
    begin: (/** @type {import("./meter.mjs").Mark[]} */ marks) => meter.begin(marks),
    watch: (/** @type {Record<string, number>} */ pids) => meter.watch(pids),
    counts: () => meter.counts(),
    reached: () => meter.reached(),
    configure: (/** @type {import("./canned-queue.mjs").CannedSettings} */ settings) => server.configure?.(settings),
    release() {
      server.release?.();
      return meter.counts();
    },
  };
  process.on("message", (/** @type {{ id: number, command: string, argument: never }} */ { id, command, argument }) => {
    void Promise.resolve(commands[command]?.(argument)).then((result) => {
      if (process.connected) process.send?.({ id, result });
    });
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.({ endpoint: server.endpoint });
}
