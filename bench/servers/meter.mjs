/**
 * What a queue server counts: the requests, the messages given and deleted, and what the watched processes had used at
 * chosen points. It reads /proc itself, at the very message: another process would learn of it too late.
 */
import { readUsage } from "../support/process-usage.mjs";

/**
 * A point of a run.
 * @typedef {object} Mark
 * @property {"progress" | "deleted"} of `progress`: the mean of the messages given and deleted. A program that holds
 *   many messages has done half of their work already, which deletes alone would not show.
 * @property {number} at messages
 */

/**
 * By the names under which the processes are watched; null: one that is gone.
 * @typedef {Record<string, import("../support/process-usage.mjs").Usage | null>} Usages
 */

/**
 * @typedef {Mark & { atMs: number, requests: number, usage: Usages }} MarkReached
 */

/**
 * @typedef {object} Counts
 * @property {number} nowMs of this process's clock, as all times here
 * @property {number} requests the run's own: sending is not counted
 * @property {Record<string, number>} byAction
 * @property {number} received messages given
 * @property {number} deleted
 * @property {number | null} firstReceiveAtMs when the first receive arrived
 * @property {Usages | null} usageAtFirstReceive what the watched processes had used by then; null: there was no receive
 * @property {MarkReached[]} marks those reached, in their order
 */

export class Meter {
  /** @type {Counts} */
  #counts = emptyCounts();
  /** @type {Mark[]} */
  #marks = [];
  /** @type {Record<string, number>} */
  #pids = {};
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * Starts over.
   * @param {readonly Mark[]} marks in the order in which they will be reached
   */
  begin(marks) {
    this.#counts = emptyCounts();
    this.#marks = [...marks];
    this.#pids = {};
  }

  /** @param {Record<string, number>} pids by the names under which their usage is given */
  watch(pids) {
    Object.assign(this.#pids, pids);
  }

  /** @returns {Counts} */
  counts() {
    return { ...this.#counts, nowMs: performance.now() };
  }

  /** Resolves when the last mark is reached. */
  async reached() {
    if (this.#marks.length > 0) await new Promise((resolve) => this.#waiting.push(() => resolve(null)));
    return this.counts();
  }

  /** @param {string} action such as `ReceiveMessage` */
  noteRequest(action) {
    // The bench's own: filling the queue, and looking at it.
    if (action.startsWith("SendMessage")) return;
    this.#counts.requests += 1;
    this.#counts.byAction[action] = (this.#counts.byAction[action] ?? 0) + 1;
    if (action !== "ReceiveMessage" || this.#counts.firstReceiveAtMs !== null) return;
    this.#counts.firstReceiveAtMs = performance.now();
    this.#counts.usageAtFirstReceive = this.#usages();
  }

  /** @param {number} messages */
  noteReceived(messages) {
    this.#counts.received += messages;
    this.#look();
  }

  /** @param {number} messages */
  noteDeleted(messages) {
    this.#counts.deleted += messages;
    this.#look();
  }

  /** @returns {Usages} */
  #usages() {
    return Object.fromEntries(Object.entries(this.#pids).map(([name, pid]) => [name, readUsage(pid)]));
  }

  #look() {
    const { received, deleted } = this.#counts;
    for (let mark = this.#marks[0]; mark !== undefined; mark = this.#marks[0]) {
      if ((mark.of === "deleted" ? deleted : (received + deleted) / 2) < mark.at) return;
      this.#marks.shift();
      const usage = this.#usages();
      this.#counts.marks.push({ ...mark, atMs: performance.now(), requests: this.#counts.requests, usage });
      if (this.#marks.length > 0) continue;
      for (const resolve of this.#waiting) resolve();
      this.#waiting = [];
    }
  }
}

/** @returns {Counts} */
function emptyCounts() {
  return {
    nowMs: 0,
    requests: 0,
    byAction: {},
    received: 0,
    deleted: 0,
    firstReceiveAtMs: null,
    usageAtFirstReceive: null,
    marks: [],
  };
}
