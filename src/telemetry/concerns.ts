/**
 * What is wrong with a worker though nothing it does fails for good. Judged over the last minutes, in the worker: status,
 * dashboard and log all tell the same.
 */
export const CONCERNS = {
  "lag-grows": {
    text: "falls behind: what it stores is older each minute",
    hint: "Is a core busy, start more workers; are writes slow, look at the database; are both idle, look at the retries",
  },
  "visibility-fails": {
    text: "could not keep messages hidden that it works on: they may be delivered twice, and stored once",
    hint:
      "Too little CPU or memory, a slow network, or no right to sqs:ChangeMessageVisibility. A longer visibility timeout " +
      "of the queue gives more time",
  },
  redeliveries: {
    text: "receives more than a tenth of its messages again",
    hint:
      "Nothing is stored twice, but work is done twice. Look at deletes and releases that failed, at workers that were " +
      "killed, and at other readers of the queue",
  },
  "bodies-corrupt": {
    text: "gets bodies that do not match the digest sent with them, and gives them back",
    hint: "The queue's server or something before it changes them, and they come again for ever. The log has their ids",
  },
  "quarantine-full": {
    text: "leaves refused events in the queue: the quarantine holds as much as it may",
    hint: "`piipe quarantine list` shows what waits; mend the cause, then `piipe quarantine replay`, or discard",
  },
  "rows-skipped": {
    text: "writes rows that a trigger or rule of the table keeps out; their messages are deleted",
    hint: "`piipe check` names the triggers and rules. Mend them unless it is meant",
  },
} as const;

export type Concern = keyof typeof CONCERNS;
export const CONCERN_NAMES = Object.keys(CONCERNS) as readonly Concern[];
