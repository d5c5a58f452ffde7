/** What concerns all commands: shown by `piipe --help` and in docs/cli.md. */
import { EXIT_CODES, type ExitCode } from "./failure.ts";

type Topic = ReadonlyArray<readonly [name: string, meaning: string]>;

const MEANINGS: Readonly<Record<ExitCode, string>> = {
  [EXIT_CODES.done]: "done",
  [EXIT_CODES.bug]:
    "a bug in piipe: please report it; or a worker was killed again and again; nothing was deleted that was not stored",
  [EXIT_CODES.usage]: "the command line is wrong",
  [EXIT_CODES.config]: "the configuration or the keys are wrong",
  [EXIT_CODES.service]: "a service cannot be reached or used: the queue, the database, a local server of the demo",
  [EXIT_CODES.data]: "more events were refused than the configuration allows",
  [EXIT_CODES.interrupted]: "ended by Ctrl-C, or by a signal before the work was done",
};

export const OUTPUT: Topic = [
  ["stdout", "data, and nothing else"],
  ["stderr", "progress, logs and errors"],
  [
    "--json",
    "exactly one JSON object on stdout; when the command fails, it has error: { code, message, hint }. " +
      "When the command line is wrong there is none",
  ],
];

export const EXIT_CODE_MEANINGS: Topic = Object.values(EXIT_CODES).map((code) => [String(code), MEANINGS[code]]);

export const ENVIRONMENT: Topic = [
  ["PIIPE_KEYS", "the text of the keyring, instead of the file that keys.file names"],
  ["PIIPE_DASHBOARD_TOKEN", "what a dashboard asks for that not only this machine can reach"],
  ["DATABASE_URL, …", "whatever the configuration names as ${NAME} or ${NAME:-default}"],
  ["PGPASSWORD, PGPASSFILE", "the database's password, or libpq's file of passwords, where the configuration has none"],
  ["AWS_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID, …", "region and credentials, as AWS's own tools find them"],
  ["AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL", "a queue server other than AWS"],
  ["NO_COLOR", "not empty: no colour"],
  ["TERM", "dumb: no colour and no bar"],
];

export const FILES: Topic = [
  ["piipe.yaml", "the configuration, in the current folder; -c names another"],
  ["piipe.keys.json", "the keyring, which every worker needs; mode 0600"],
  ["piipe.private.json", "opens what workers seal, such as refused events; to be kept away from them; mode 0600"],
  ["~/.aws/config, ~/.aws/credentials", "AWS's own"],
];

/** A topic as text: each name, and its meaning on the line below it where names are long. */
export function topicText(title: string, topic: Topic, nameChars: number): string {
  const lines = topic.map(([name, meaning]) =>
    name.length > nameChars ? `  ${name}\n      ${meaning}` : `  ${name.padEnd(nameChars)}  ${meaning}`,
  );
  return `${title}:\n${lines.join("\n")}\n`;
}
