/**
 * @typedef {typeof import("../src/errors.ts").ERROR_CODES} ErrorCodes
 * @typedef {typeof import("../src/cli/exit-codes.ts").EXIT_CODES} ExitCodes
 */

/** @type {Record<keyof ExitCodes, string>} */
const EXIT_MEANINGS = {
  done: "done",
  bug: "a bug in piipe: please report it; or a worker was killed again and again; nothing was deleted that was not stored",
  usage: "the command line is wrong",
  config: "the configuration or the keys are wrong",
  service: "a service cannot be reached or used: the queue, the database, a local server of the demo",
  data: "more events were refused than the configuration allows",
  interrupted: "ended by Ctrl-C, or by a signal before the work was done",
};

const INTRO = `# Errors

An error names its code, says what happened and where, and what to do. No message quotes a value of an event or a
secret.

## Exit codes`;

const ERRORS = `## Error codes

The world failed: a service, the configuration, the keys. What was received and not stored stays in the queue.`;

const REJECTIONS = `## Reasons of a refused event

The data is wrong: the event goes to the quarantine with its reason and the column concerned, and the rest of its batch
is stored. Without a sealing key it is left to the queue's own dead-letter rule.`;

/**
 * The whole of docs/errors.md.
 * @param {object} codes
 * @param {ErrorCodes} codes.ERROR_CODES
 * @param {ExitCodes} codes.EXIT_CODES
 * @param {Readonly<Record<string, string>>} codes.REJECTION_CODES
 * @param {(code: keyof ErrorCodes) => number} codes.exitCodeOfErrorCode
 * @returns {string}
 */
export function errorReference({ ERROR_CODES, EXIT_CODES, REJECTION_CODES, exitCodeOfErrorCode }) {
  const exits = keysOf(EXIT_CODES).map((name) => `| ${EXIT_CODES[name]} | ${EXIT_MEANINGS[name]} |`);
  const errors = keysOf(ERROR_CODES).map(
    (code) => `| \`${code}\` | ${ERROR_CODES[code]} | ${exitCodeOfErrorCode(code)} |`,
  );
  const rejections = Object.entries(REJECTION_CODES).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return [
    INTRO,
    ["| code | meaning |", "| --- | --- |", ...exits].join("\n"),
    ERRORS,
    ["| code | meaning | exit code |", "| --- | --- | --- |", ...errors].join("\n"),
    REJECTIONS,
    ["| reason | meaning |", "| --- | --- |", ...rejections].join("\n"),
  ].join("\n\n");
}

/**
 * @template {object} T
 * @param {T} codes
 */
const keysOf = (codes) => /** @type {(keyof T & string)[]} */ (Object.keys(codes));
