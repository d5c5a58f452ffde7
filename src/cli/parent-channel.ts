import type { ParentChannel } from "./terminal.ts";

/** The channel that Node opens to a process started with one, or undefined. */
export function parentChannelOf(child: NodeJS.Process): ParentChannel | undefined {
  if (child.send === undefined) return undefined;
  return {
    // The callback is called in any case; without it, a channel that is closed would be an error of the process.
    send: (message) => new Promise((resolve) => void child.send?.(message, undefined, undefined, () => resolve())),
    onMessage: (listener) => void child.on("message", listener),
    onClosed(listener) {
      if (child.connected) child.once("disconnect", listener);
      else listener();
    },
    close() {
      if (child.connected) child.disconnect();
    },
  };
}
