import { type Command, CommanderError } from "commander";
import { reportOf } from "../telemetry/error-report.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf, printError } from "./failure.ts";
import { requireKnownCommands } from "./help-command.ts";
import { buildProgram } from "./program.ts";
import { type Terminal, withShownControls } from "./terminal.ts";

/**
 * Runs one command at a terminal: prints what there is to print, errors included. Throws nothing.
 * @param args without the program's own name
 * @param guard called with the chosen command before it runs; what it throws is the command's failure
 * @returns the exit code
 */
export async function runCommandLine(
  args: readonly string[],
  bareTerminal: Terminal,
  guard: (command: Command) => void,
): Promise<ExitCode> {
  const terminal = withShownControls(bareTerminal);
  let exitCode: ExitCode = EXIT_CODES.done;
  let wantsJson = false;
  const program = buildProgram(async (command) => {
    exitCode = await command(terminal);
  }, terminal);
  program.hook("preAction", (_program, command) => {
    wantsJson = command.opts()["json"] === true;
    guard(command);
  });
  try {
    requireKnownCommands(program, args);
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has printed the help or the error already.
      return error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage;
    }
    printError(error, terminal);
    // Whoever reads the object must not have to read stderr.
    if (wantsJson) terminal.writeOut(`${JSON.stringify({ error: reportOf(error) })}\n`);
    return exitCodeOf(error);
  } finally {
    // A command that failed may have left its progress there.
    terminal.showLine("");
  }
}
