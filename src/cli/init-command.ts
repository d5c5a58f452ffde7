import { type Command, InvalidArgumentError, Option } from "commander";
import { add, CONFIG_FILE, examples, type Execute, json } from "./define-command.ts";
import { KEYRING_FILE } from "./keys-commands.ts";

const MESSAGES_MAX = 1_000;

/** `piipe init`: the first configuration, from real events. */
export function addInitCommand(program: Command, execute: Execute): void {
  examples(
    add(program, "init", "write a configuration and a keyring for a queue and a table, from a look at real events")
      .option("--queue <queue>", "the queue: name, URL or ARN; asked for at a terminal")
      .option("--table <table>", "table or schema.table, which need not exist; asked for at a terminal")
      .option("--sample <file>", "look at these events instead of the queue's: a JSON array or NDJSON; - for stdin")
      .option("--messages <count>", "how many messages to look at, at most", messages, 100)
      .option("--region <region>", "the queue's AWS region, when the AWS configuration does not tell it")
      .option("--endpoint <url>", "a queue server other than AWS, when the AWS configuration does not tell it")
      .option("--keys <file>", "the keyring: one that is there is kept and used", KEYRING_FILE)
      .addOption(
        new Option("-c, --config <file>", "the configuration to write, or with --update to add to").default(
          CONFIG_FILE,
        ),
      )
      .option("--force", "replace an existing configuration; never a keyring")
      .addOption(
        new Option(
          "--update",
          "add columns for fields that the configuration does not have; nothing else is changed",
        ).conflicts(["queue", "table", "region", "endpoint", "force"]),
      )
      .option("--yes", "do not ask before a look that may send messages to the dead-letter queue")
      .addOption(json("print one JSON object with what was inferred and written on stdout"))
      .action((options: InitFlags) =>
        execute(async (terminal) => {
          const { initCommand } = await import("./commands/init.ts");
          return initCommand(
            {
              queue: options.queue ?? null,
              table: options.table ?? null,
              sample: options.sample ?? null,
              messagesMax: options.messages,
              region: options.region ?? null,
              endpoint: options.endpoint ?? null,
              keys: options.keys,
              config: options.config,
              force: options.force ?? false,
              yes: options.yes ?? false,
              update: options.update ?? false,
              json: options.json ?? false,
            },
            terminal,
          );
        }),
      ),
    [
      ["piipe init", "asks for the queue and the table; looks at the table when DATABASE_URL is set"],
      [
        "piipe init --queue login-queue --table user_logins",
        "looks at up to 100 messages and gives them back; each counts as received once more",
      ],
      ["piipe init --queue login-queue --table user_logins --sample events.ndjson", "receives nothing"],
      ["piipe init --update", "adds to piipe.yaml columns for fields that events have had since"],
    ],
  );
}

interface InitFlags {
  readonly queue?: string;
  readonly table?: string;
  readonly sample?: string;
  readonly messages: number;
  readonly region?: string;
  readonly endpoint?: string;
  readonly keys: string;
  readonly config: string;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly update?: boolean;
  readonly json?: boolean;
}

function messages(text: string): number {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= MESSAGES_MAX) return Number(text);
  throw new InvalidArgumentError(`Give a whole number from 1 to ${MESSAGES_MAX}.`);
}
