import type { Command } from "commander";
import { add, config, examples, type Execute, json } from "./define-command.ts";

interface Options {
  readonly config: string;
  readonly column?: string;
  readonly json?: boolean;
}

const COLUMN = ["--column <name>", "only this one; default: every column that can be rewritten"] as const;

/** `piipe keys rewrap` and `piipe keys takeover`: stored tokens made anew. */
export function addRewriteCommands(keys: Command, execute: Execute): void {
  examples(
    add(keys, "rewrap", "make the stored tokens of a leaked key anew, under the primary key that is over it")
      .addOption(config())
      .option(...COLUMN)
      .addOption(json())
      .action((options: Options) =>
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
      .action((options: Options) =>
        execute(async (terminal) => {
          const { keysTakeoverCommand } = await import("./commands/rewrite.ts");
          return keysTakeoverCommand(chosen(options), terminal);
        }),
      ),
    [["piipe keys takeover", "columns with `mask: hmac-over-sha256`, once nothing writes bare SHA-256 any more"]],
  );
}

const chosen = (options: Options): { config: string; column: string | null; json: boolean } => ({
  config: options.config,
  column: options.column ?? null,
  json: options.json ?? false,
});
