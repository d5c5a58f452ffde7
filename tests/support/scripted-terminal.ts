import type { Terminal } from "../../src/cli/terminal.ts";

export interface ScriptedTerminal {
  readonly terminal: Terminal;
  readonly output: { readonly out: string; readonly error: string };
}

/** A terminal at which someone answers each question the same way; null cancels. Without answers: nobody is there. */
export function scriptedTerminal(
  { folder, environment }: Pick<Terminal, "folder" | "environment">,
  answers: { readonly secret: string | null; readonly confirm: boolean | null } | null,
  stdin = "",
): ScriptedTerminal {
  const output = { out: "", error: "" };
  const terminal: Terminal = {
    environment,
    folder,
    nodeVersion: process.version,
    stdin: (async function* () {
      yield stdin;
    })(),
    writeOut: (text) => void (output.out += text),
    writeError: (text) => void (output.error += text),
    isInteractive: answers !== null,
    outIsTerminal: answers !== null,
    ask: answers && {
      secret: () => Promise.resolve(answers.secret),
      confirm: () => Promise.resolve(answers.confirm),
    },
    onSignal: () => {},
  };
  return { terminal, output };
}
