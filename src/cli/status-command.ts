import type { Command } from "commander";
import { add, config, examples, type Execute, json } from "./define-command.ts";

/** `piipe status`. */
export function addStatusCommand(program: Command, execute: Execute): void {
  examples(
    add(
      program,
      "status",
      "show how the pipeline is: what waits in the queue, how fast it is stored, what was refused, which workers run. " +
        "Receives no message. Exit code 4: a service could not be read; the rest is shown all the same",
    )
      .summary("show how the pipeline is: the queue, the rates, the workers, the quarantine")
      .addOption(config())
      .addOption(json())
      .action((options: { config: string; json?: boolean }) =>
        execute(async (terminal) => {
          const { statusCommand } = await import("./commands/status.ts");
          return statusCommand({ config: options.config, json: options.json ?? false }, terminal);
        }),
      ),
    [
      ["piipe status", "one look; the first line says what is well or wrong"],
      ["watch -n 5 piipe status", "again every five seconds"],
      ["piipe status --json | jq .depth.value.visible", "messages that wait, for a script"],
    ],
  );
}
