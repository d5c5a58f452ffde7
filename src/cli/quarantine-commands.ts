import { type Command, InvalidArgumentError, Option } from "commander";
import { didYouMean } from "../config/did-you-mean.ts";
import { REJECTION_CODES } from "../pipeline/contracts.ts";
import { QUARANTINE_STATES, type QuarantineState } from "../storage/quarantine/quarantine.ts";
import { add, config, examples, type Execute, json } from "./define-command.ts";

const ENTRIES_DEFAULT = 20;
const ENTRIES_MAX = 10_000;
const PRIVATE_FILE = "piipe.private.json";

/** `piipe quarantine …`: what becomes of refused events. */
export function addQuarantineCommands(program: Command, execute: Execute): void {
  const quarantine = program.command("quarantine").description("look at refused events; replay or discard them");
  examples(quarantine, [
    ["piipe quarantine list", "what was refused, and why"],
    ["piipe quarantine show 9f2c1a80", "one of them, without opening it"],
    ["piipe quarantine replay --all", "once the cause is mended: through the pipeline again"],
  ]);
  addList(quarantine, execute);
  addShow(quarantine, execute);
  addReplay(quarantine, execute);
  addDiscard(quarantine, execute);
}

function addList(quarantine: Command, execute: Execute): void {
  examples(
    add(quarantine, "list", "list the refused events of the queue: ids, reasons and times, newest first")
      .addOption(config())
      .addOption(code("only events with this reason, such as field.type"))
      .addOption(
        new Option("--state <state>", "which events").choices([...QUARANTINE_STATES, "all"]).default("pending"),
      )
      .option("--limit <number>", "how many events to list; the counts are of all", entriesMax, ENTRIES_DEFAULT)
      .addOption(json())
      .action((given: Given) =>
        execute(async (terminal) => {
          const { quarantineListCommand } = await import("./commands/quarantine-list.ts");
          return quarantineListCommand(optionsOf(given), terminal);
        }),
      ),
    [
      ["piipe quarantine list", "what waits, by reason, and the newest events"],
      ["piipe quarantine list --code field.type --json | jq -r '.entries[].id'", "their ids, for a script"],
    ],
  );
}

function addShow(quarantine: Command, execute: Execute): void {
  examples(
    add(quarantine, "show <id>", "show what is known of one refused event; with --open the event itself")
      .addOption(config())
      .option("--open", "print the raw body on stdout; noted in piipe.audit before it is opened")
      .addOption(privateFile())
      .option("--reason <text>", "why it is opened: needed with --open")
      .addOption(json())
      .action((id: string, given: Given) =>
        execute(async (terminal) => {
          const { quarantineShowCommand } = await import("./commands/quarantine-show.ts");
          return quarantineShowCommand({ ...optionsOf(given), id }, terminal);
        }),
      ),
    [
      ["piipe quarantine show 9f2c1a80", "an id may be cut after eight characters"],
      [
        'piipe quarantine show 9f2c1a80 --open --reason "ticket 4711" | jq .',
        "opens the event with piipe.private.json: personal data on your screen",
      ],
    ],
  );
}

function addReplay(quarantine: Command, execute: Execute): void {
  examples(
    add(
      quarantine,
      "replay [ids...]",
      "send refused events through today's configuration and keys again: each is stored once, what is refused again " +
        "stays. Exit code 5: some were refused again, or could not be opened",
    )
      .summary("send refused events through today's configuration and keys again")
      .addOption(config())
      .addOption(code("all pending events with this reason"))
      .option("--all", "all pending events")
      .addOption(privateFile())
      .option("--dry-run", "go the whole way, roll back what was written, and say what would happen")
      .option("--reason <text>", "why, for piipe.audit")
      .addOption(json())
      .action((ids: string[], given: Given) =>
        execute(async (terminal) => {
          const { quarantineReplayCommand } = await import("./commands/quarantine-replay.ts");
          return quarantineReplayCommand({ ...optionsOf(given), ids }, terminal);
        }),
      ),
    [
      ["piipe quarantine replay --code field.too-long --dry-run", "after mending the cause: what would be stored?"],
      ["piipe quarantine replay --code field.too-long", "and then in earnest; safe to repeat and to interrupt"],
      ["piipe quarantine replay 9f2c1a80 77b1e4c5", "two events by their ids"],
    ],
  );
}

function addDiscard(quarantine: Command, execute: Execute): void {
  examples(
    add(quarantine, "discard [ids...]", "give refused events up: what was sealed is deleted for good")
      .addOption(config())
      .addOption(code("all pending events with this reason"))
      .option("--all", "all pending events")
      .option("--reason <text>", "why, for piipe.audit")
      .option("--yes", "do not ask")
      .addOption(json())
      .action((ids: string[], given: Given) =>
        execute(async (terminal) => {
          const { quarantineDiscardCommand } = await import("./commands/quarantine-discard.ts");
          return quarantineDiscardCommand({ ...optionsOf(given), ids }, terminal);
        }),
      ),
    [
      ["piipe quarantine discard 9f2c1a80", "asks first"],
      ['piipe quarantine discard --code body.not-json --reason "a broken producer" --yes', "for a script"],
    ],
  );
}

/** The options of all these commands, as commander gives them: each has some. */
interface Given {
  readonly config: string;
  readonly code?: string;
  readonly state?: QuarantineState | "all";
  readonly limit?: number;
  readonly all?: boolean;
  readonly open?: boolean;
  readonly privateFile?: string;
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** The same, as the commands take them. */
const optionsOf = ({ config: file, code: reasonCode, state, limit, privateFile: keyFile, ...given }: Given) => ({
  config: file,
  code: reasonCode ?? null,
  state: state === undefined || state === "all" ? null : state,
  entriesMax: limit ?? ENTRIES_DEFAULT,
  all: given.all ?? false,
  open: given.open ?? false,
  privateFile: keyFile ?? PRIVATE_FILE,
  dryRun: given.dryRun ?? false,
  reason: given.reason ?? null,
  yes: given.yes ?? false,
  json: given.json ?? false,
});

/** Not `--reason`, which says why the operator acts. */
function code(description: string): Option {
  return new Option("--code <code>", description).argParser((text: string) => {
    if (Object.hasOwn(REJECTION_CODES, text)) return text;
    const meant = didYouMean(text, Object.keys(REJECTION_CODES));
    throw new InvalidArgumentError(
      meant === null ? "There is no such reason: docs/errors.md lists them." : `Did you mean ${meant}?`,
    );
  });
}

function privateFile(): Option {
  return new Option("--private-file <path>", "the private key, which opens events").default(PRIVATE_FILE);
}

function entriesMax(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > ENTRIES_MAX) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${ENTRIES_MAX}.`);
  }
  return value;
}
