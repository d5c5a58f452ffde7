import type { Readable, Writable } from "node:stream";
import type { Ask } from "./terminal.ts";

/** Questions on stderr, so that data on stdout can be piped on. */
export function askAtTerminal(streams: { readonly input: Readable; readonly output: Writable }): Ask {
  return {
    async secret(message) {
      const { isCancel, password } = await import("@clack/prompts");
      const answer = await untilEnd(streams.input, (signal) => password({ message, signal, ...streams }));
      return isCancel(answer) ? null : answer;
    },
    async confirm(message) {
      const { confirm, isCancel } = await import("@clack/prompts");
      const answer = await untilEnd(streams.input, (signal) =>
        confirm({ message, signal, initialValue: false, ...streams }),
      );
      return isCancel(answer) ? null : answer;
    },
    async text(message) {
      const { isCancel, text } = await import("@clack/prompts");
      const validate = (answer: string | undefined): string | undefined =>
        answer?.trim() ? undefined : "Type an answer, or Ctrl-C to stop.";
      const answer = await untilEnd(streams.input, (signal) => text({ message, signal, validate, ...streams }));
      return isCancel(answer) ? null : answer.trim();
    },
  };
}

/** Ctrl-D cancels like Ctrl-C: the library would never answer, and the process would end with neither word nor cursor. */
async function untilEnd<T>(input: Readable, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const cancel = new AbortController();
  const onKey = (_text: unknown, key: { readonly ctrl?: boolean; readonly name?: string }): void => {
    if (key.ctrl === true && key.name === "d") cancel.abort();
  };
  const onEnd = (): void => cancel.abort();
  input.on("keypress", onKey).once("end", onEnd);
  try {
    return await ask(cancel.signal);
  } finally {
    input.off("keypress", onKey).off("end", onEnd);
  }
}
