import type { Terminal } from "../../src/cli/terminal.ts";

export interface ScriptedTerminal {
  readonly terminal: Terminal;
  readonly output: { readonly out: string; readonly error: string };
}

export interface Answers {
  readonly secret: string | null;
  readonly confirm: boolean | null;
  /** By a part of the question. Default: nobody types a text. */
  readonly texts?: Readonly<Record<string, string | null>>;
}

/** A terminal at which someone answers each question the same way; null cancels. Without answers: nobody is there. */
export function scriptedTerminal(
  { folder, environment }: Pick<Terminal, "folder" | "environment">,
  answers: Answers | null,
  stdin = "",
): ScriptedTerminal {
  const output = { out: "", error: "" };
  const terminal: Terminal = {
    environment,
    folder,
    pid: 1,
    nodeVersion: process.version,
    stdin: (async function* () {
      yield stdin;
    })(),
    writeOut: (text) => void (output.out += text),
    writeError: (text) => void (output.error += text),
    isInteractive: answers !== null,
    showLine: () => {},
    columns: () => 80,
    outIsTerminal: answers !== null,
    ask: answers && {
      secret: () => Promise.resolve(answers.secret),
      confirm: () => Promise.resolve(answers.confirm),
      text: (question) => {
        const [, answer] = Object.entries(answers.texts ?? {}).find(([part]) => question.includes(part)) ?? [];
        return answer === undefined
          ? Promise.reject(new Error(`nobody answers: ${question}`))
          : Promise.resolve(answer);
      },
    },
    onSignal: () => {},
  };
  return { terminal, output };
}
