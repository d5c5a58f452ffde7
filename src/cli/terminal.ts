import { styleText } from "node:util";
import { ownStyle, type Style } from "./shown-text.ts";

/** Questions to a person. Each answers null when the person cancels. */
export interface Ask {
  /** Shows no character of what is typed. */
  readonly secret: (question: string) => Promise<string | null>;
  readonly confirm: (question: string) => Promise<boolean | null>;
  /** Asks again until something was typed. */
  readonly text: (question: string) => Promise<string | null>;
}

/** To the process that started this one, where that opened a channel. */
export interface ParentChannel {
  /** Resolves when the message is sent, or cannot be: the other process may have ended. */
  readonly send: (message: object) => Promise<void>;
  readonly onMessage: (listener: (message: unknown) => void) => void;
  /** The other process closed the channel, or ended in whatever way. */
  readonly onClosed: (listener: () => void) => void;
  /** A channel that is listened to keeps this process alive until then. Safe twice. */
  readonly close: () => void;
}

/** The process as the commands see it: only main.ts touches `process` itself. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** Of this process. */
  readonly pid: number;
  /** Such as `v20.19.0`. */
  readonly nodeVersion: string;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Data. */
  readonly writeOut: (text: string) => void;
  /** Progress, logs and errors. */
  readonly writeError: (text: string) => void;
  /** True when a person watches stderr: only then is there colour or a moving bar. */
  readonly isInteractive: boolean;
  /** A line of progress below all else on stderr: what is written goes above it. Empty: none. Only where `isInteractive`. */
  readonly showLine: (text: string) => void;
  /** Of the terminal at stderr, now: a person may change its size. */
  readonly columns: () => number;
  readonly outIsTerminal: boolean;
  /** Asks the person at the terminal; null when there is none, and commands must be told by their options. */
  readonly ask: Ask | null;
  /** Starts listening to SIGINT and SIGTERM; without this call they end the process as usual. */
  readonly onSignal: (listener: (signal: "SIGINT" | "SIGTERM") => void) => void;
  readonly parent?: ParentChannel;
}

/** Styles text for stdout or stderr when that is a terminal and NO_COLOR is not set. */
export function styler(
  isTerminal: boolean,
  environment: Terminal["environment"],
): (style: Style, text: string) => string {
  const isPlain = !isTerminal || (environment["NO_COLOR"] ?? "") !== "" || environment["TERM"] === "dumb";
  if (isPlain) return (_style, text) => text;
  return (style, text) => {
    const [begin = "", end = ""] = styleText(style, "\0", { validateStream: false }).split("\0");
    return ownStyle(begin, text, end);
  };
}
