import type { Command } from "commander";
import { add, config, examples, type Execute, json } from "./define-command.ts";

interface RedriveArguments {
  readonly config: string;
  readonly from?: string;
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `piipe redrive`: what a dead-letter queue took, once more. */
export function addRedriveCommand(program: Command, execute: Execute): void {
  examples(
    add(
      program,
      "redrive",
      "send the messages of the dead-letter queue through the pipeline again: each is deleted from it once it is stored " +
        "or quarantined, and what the table has already is not stored twice. Every look, also a dry run, counts as a " +
        "receive. Ends when nothing is left to do",
    )
      .summary("send the messages of the dead-letter queue through the pipeline again")
      .addOption(config())
      .option(
        "--from <queue>",
        "the dead-letter queue, as a name, URL or ARN: instead of the one in the queue's redrive policy. Messages that " +
          "do not say which queue they come from are then taken too",
      )
      .option("--dry-run", "go the whole way, roll back what was written, delete nothing, and say what would happen")
      .option("--reason <text>", "why, for piipe.audit")
      .option("--yes", "do not ask")
      .addOption(json())
      .action((options: RedriveArguments) =>
        execute(async (terminal) => {
          const { redriveCommand } = await import("./commands/redrive.ts");
          return redriveCommand(
            {
              config: options.config,
              from: options.from ?? null,
              dryRun: options.dryRun ?? false,
              reason: options.reason ?? null,
              yes: options.yes ?? false,
              json: options.json ?? false,
            },
            terminal,
          );
        }),
      ),
    [
      ["piipe redrive --dry-run", "after mending the cause: what would be stored, what refused, and why?"],
      ["piipe redrive", "and then in earnest; asks first, safe to repeat and to interrupt"],
      ["piipe redrive --from logins-dead --yes --json", "for a script, from a queue that you name"],
    ],
  );
}
