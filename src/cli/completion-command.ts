import { Argument, type Command } from "commander";
import { add, examples, type Execute } from "./define-command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** `piipe completion`. */
export function addCompletionCommand(program: Command, execute: Execute): void {
  examples(
    add(program, "completion", "print a script with which a shell completes commands, options and their values")
      .addArgument(new Argument("<shell>", "the shell to complete in").choices(SHELLS))
      .action((shell: Shell) =>
        execute(async (terminal) => {
          const { completionCommand } = await import("./commands/completion.ts");
          return completionCommand(shell, program, terminal);
        }),
      ),
    [
      ["source <(piipe completion bash)", "in ~/.bashrc"],
      ['piipe completion zsh > "${fpath[1]}/_piipe"', "once, and again after an update; before compinit"],
      ["piipe completion fish > ~/.config/fish/completions/piipe.fish", "once, and again after an update"],
    ],
  );
}
