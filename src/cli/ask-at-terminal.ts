import type { Readable, Writable } from "node:stream";
import type { Ask } from "./terminal.ts";

/** Questions on stderr, so that data on stdout can be piped on. */
export function askAtTerminal(streams: { readonly input: Readable; readonly output: Writable }): Ask {
  return {
    async secret(message) {
      const { isCancel, password } = await import("@clack/prompts");
      const answer = await password({ message, ...streams });
      return isCancel(answer) ? null : answer;
    },
    async confirm(message) {
      const { confirm, isCancel } = await import("@clack/prompts");
      const answer = await confirm({ message, initialValue: false, ...streams });
      return isCancel(answer) ? null : answer;
    },
  };
}
