import type { Command } from "commander";
import { bashScript } from "../completion/bash-script.ts";
import { completionModel } from "../completion/completion-model.ts";
import { fishScript } from "../completion/fish-script.ts";
import { zshScript } from "../completion/zsh-script.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import type { Terminal } from "../terminal.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** The script holds all that it completes: a shell asks nobody while a person types. */
export async function completionCommand(
  shell: keyof typeof SCRIPTS,
  program: Command,
  { writeOut }: Terminal,
): Promise<ExitCode> {
  writeOut(SCRIPTS[shell](completionModel(program)));
  return EXIT_CODES.done;
}
