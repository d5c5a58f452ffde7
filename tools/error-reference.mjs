/**
 * @typedef {typeof import("../src/errors.ts").ERROR_CODES} ErrorCodes
 */

const INTRO = `# Errors

An error names its code, says what happened and where, and what to do. No message quotes a value of an event or a
secret.

## Exit codes`;

const ERRORS = `## Error codes

The world failed: a service, the configuration, the keys. What was received and not stored stays in the queue.`;

const REJECTIONS = `## Reasons of a refused event

The data is wrong: the event goes to the quarantine with its reason and the column, or the step of \`source.unwrap\`, concerned, and the rest of its batch
is stored. Without a sealing key it is left to the queue's own dead-letter rule.`;

/**
 * The whole of docs/errors.md.
 * @param {object} codes
 * @param {ErrorCodes} codes.ERROR_CODES
 * @param {typeof import("../src/cli/help-topics.ts").EXIT_CODE_MEANINGS} codes.EXIT_CODE_MEANINGS
 * @param {Readonly<Record<string, string>>} codes.REJECTION_CODES
 * @param {Readonly<Record<string, string>>} codes.REJECTION_REMEDIES
 * @param {(code: keyof ErrorCodes) => number} codes.exitCodeOfErrorCode
 * @returns {string}
 */
export function errorReference({
  ERROR_CODES,
  EXIT_CODE_MEANINGS,
  REJECTION_CODES,
  REJECTION_REMEDIES,
  exitCodeOfErrorCode,
}) {
  const exits = EXIT_CODE_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  const errors = keysOf(ERROR_CODES).map(
    (code) => `| \`${code}\` | ${ERROR_CODES[code]} | ${exitCodeOfErrorCode(code)} |`,
  );
  const rejections = Object.entries(REJECTION_CODES).map(
    ([code, meaning]) => `| \`${code}\` | ${meaning} | ${REJECTION_REMEDIES[code]} |`,
  );
  return [
    INTRO,
    ["| code | meaning |", "| --- | --- |", ...exits].join("\n"),
    ERRORS,
    ["| code | meaning | exit code |", "| --- | --- | --- |", ...errors].join("\n"),
    REJECTIONS,
    ["| reason | meaning | what to do |", "| --- | --- | --- |", ...rejections].join("\n"),
  ].join("\n\n");
}

/**
 * @template {object} T
 * @param {T} codes
 */
const keysOf = (codes) => /** @type {(keyof T & string)[]} */ (Object.keys(codes));
