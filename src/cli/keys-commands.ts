import { type Command, InvalidArgumentError, Option } from "commander";
import { type Execute, add, config, examples, json } from "./define-command.ts";

export const KEYRING_FILE = "piipe.keys.json";

/** `piipe keys …`: the life of the secret keys. */
export function addKeysCommands(program: Command, execute: Execute): void {
  const keys = program.command("keys").description("make, rotate and destroy the secret keys");
  examples(keys, [
    ["piipe keys new", "once, for a new pipeline"],
    ["piipe keys add", "the first step of a rotation; it says what comes next"],
    ["piipe keys list", "which versions there are, and what each is for"],
  ]);
  examples(
    add(keys, "new", "write a new keyring, and the private key that opens sealed data")
      .option("--file <path>", "the keyring: every worker needs it", KEYRING_FILE)
      .option("--private-file <path>", "the private key: keep it away from the workers", "piipe.private.json")
      .action((options: { file: string; privateFile: string }) =>
        execute(async (terminal) => {
          const { keysNewCommand } = await import("./commands/keys.ts");
          return keysNewCommand({ file: options.file, privateFile: options.privateFile }, terminal);
        }),
      ),
    [["piipe keys new", "writes piipe.keys.json and piipe.private.json, mode 0600, and never overwrites"]],
  );

  examples(
    add(keys, "list", "show the key versions and their states, never a key")
      .addOption(keyringFile())
      .addOption(json())
      .action((options: { file: string; json?: boolean }) =>
        execute(async (terminal) => {
          const { keysListCommand } = await import("./commands/keys.ts");
          return keysListCommand({ file: options.file, json: options.json ?? false }, terminal);
        }),
      ),
    [
      ["piipe keys list", "what each key version does; of PIIPE_KEYS where there is no file"],
      ["piipe keys list --json | jq '.versions[] | select(.state == \"primary\").version'", "for a script"],
    ],
  );

  examples(
    add(keys, "add", "add a pending key version: the first step of a rotation")
      .addOption(keyringFile())
      .option(
        "--over",
        "the primary key has leaked: make the new tokens over the old ones, so that all can be rewrapped",
      )
      .action((options: { file: string; over?: boolean }) =>
        execute(async (terminal) => {
          const { keysAddCommand } = await import("./commands/keys.ts");
          return keysAddCommand({ file: options.file, over: options.over ?? false }, terminal);
        }),
      ),
    [
      ["piipe keys add", "then bring the keyring to every worker, and only then promote the new version"],
      ["piipe keys add --over", "the same after a leak; ends with `piipe keys rewrap`"],
    ],
  );

  examples(
    add(keys, "promote", "let a pending key version make the tokens")
      .argument("<version>", "its number", keyVersion)
      .addOption(keyringFile())
      .option("--wait <seconds>", "how long to wait for running workers that lack the version", waitSeconds, 180)
      .action((version: number, options: { file: string; wait: number }) =>
        execute(async (terminal) => {
          const { keysPromoteCommand } = await import("./commands/keys.ts");
          return keysPromoteCommand({ version, file: options.file, waitSeconds: options.wait }, terminal);
        }),
      ),
    [
      ["piipe keys promote 2", "once every worker has a keyring with version 2; beside piipe.yaml it waits for them"],
      ["piipe keys promote 2 --wait 0", "or is refused at once, and names the workers that lack it"],
    ],
  );

  examples(
    add(keys, "retire", "stop linking new tokens to those of an old key version")
      .argument("<version>", "its number", keyVersion)
      .addOption(keyringFile())
      .action((version: number, options: { file: string }) =>
        execute(async (terminal) => {
          const { keysRetireCommand } = await import("./commands/keys.ts");
          return keysRetireCommand({ version, file: options.file }, terminal);
        }),
      ),
    [["piipe keys retire 1", "its rows are still found; `piipe keys destroy` ends that too"]],
  );

  examples(
    add(keys, "destroy", "remove the key of a version for ever")
      .argument("<version>", "its number", keyVersion)
      .addOption(keyringFile())
      .option("--yes", "do not ask")
      .action((version: number, options: { file: string; yes?: boolean }) =>
        execute(async (terminal) => {
          const { keysDestroyCommand } = await import("./commands/keys.ts");
          return keysDestroyCommand({ version, file: options.file, yes: options.yes ?? false }, terminal);
        }),
      ),
    [
      ["piipe keys destroy 1", "says what is lost, and asks"],
      ["piipe keys destroy 1 --yes", "in a script, where nobody can be asked"],
    ],
  );
  addRewriteCommands(keys, execute);
}

const keyringFile = (): Option => new Option("--file <path>", "the keyring").default(KEYRING_FILE);

function keyVersion(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("Give the number of a key version, such as 2.");
  return Number(text);
}

function waitSeconds(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("Give a number of seconds, such as 60.");
  return Number(text);
}

interface RewriteArguments {
  readonly config: string;
  readonly column?: string;
  readonly json?: boolean;
}

const COLUMN = ["--column <name>", "only this one; default: every column that can be rewritten"] as const;

/** `piipe keys rewrap` and `piipe keys takeover`: stored tokens made anew. */
function addRewriteCommands(keys: Command, execute: Execute): void {
  examples(
    add(keys, "rewrap", "make the stored tokens of a leaked key anew, under the primary key that is over it")
      .addOption(config())
      .option(...COLUMN)
      .addOption(json())
      .action((options: RewriteArguments) =>
        execute(async (terminal) => {
          const { keysRewrapCommand } = await import("./commands/rewrite.ts");
          return keysRewrapCommand(chosen(options), terminal);
        }),
      ),
    [
      [
        "piipe keys rewrap",
        "after `piipe keys add --over` and `piipe keys promote`, once every worker has the keyring",
      ],
      ["piipe keys rewrap --column masked_ip", "one column; after Ctrl-C the same command goes on where it stopped"],
    ],
  );
  examples(
    add(keys, "takeover", "turn stored bare SHA-256 values into tokens, without the raw values")
      .addOption(config())
      .option(...COLUMN)
      .addOption(json())
      .action((options: RewriteArguments) =>
        execute(async (terminal) => {
          const { keysTakeoverCommand } = await import("./commands/rewrite.ts");
          return keysTakeoverCommand(chosen(options), terminal);
        }),
      ),
    [["piipe keys takeover", "columns with `mask: hmac-over-sha256`, once nothing writes bare SHA-256 any more"]],
  );
}

const chosen = (options: RewriteArguments): { config: string; column: string | null; json: boolean } => ({
  config: options.config,
  column: options.column ?? null,
  json: options.json ?? false,
});
