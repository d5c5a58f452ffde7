import { randomInt } from "node:crypto";
import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** A number that nobody can guess: data cannot pass for a style of piipe's own. */
const NONCE = String(randomInt(2 ** 40, 2 ** 47));
const ESCAPE = "\u001b";
/** Announces a styled text and the lengths of its parts, in the form of a style that no terminal knows. */
const MARK = new RegExp(`${ESCAPE}\\[${NONCE}(\\d{2})(\\d{6})(\\d{2})m`, "g");
/** Styles, and what erases a line. */
const SEQUENCES = new RegExp(`^(?:\\r${ESCAPE}\\[2K)?(?:${ESCAPE}\\[\\d+m)*$`);

/** A text between the sequences that begin and end its style, marked as piipe's own. */
export function ownStyle(begin: string, text: string, end: string): string {
  const digits = (part: string, count: number): string => String(part.length).padStart(count, "0");
  return `${ESCAPE}[${NONCE}${digits(begin, 2)}${digits(text, 6)}${digits(end, 2)}m${begin}${text}${end}`;
}

/**
 * Control characters, which a terminal would obey, and those that turn the direction of what follows them. Left alone are tab
 * and line feed.
 */
const CONTROLS = /[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/gu;

/** A text as it may be shown at a terminal: its controls are written out, as JSON would write them. */
export const showControls = (text: string): string =>
  text.replace(CONTROLS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** The same, but for the styles that piipe gave. */
function shown(text: string): string {
  let shownText = "";
  let at = 0;
  for (const mark of text.matchAll(MARK)) {
    if (mark.index < at) continue;
    shownText += showControls(text.slice(at, mark.index));
    at = mark.index + mark[0].length;
    for (const [part, length] of mark.slice(1).entries()) {
      const piece = text.slice(at, at + Number(length));
      shownText += part !== 1 && SEQUENCES.test(piece) ? piece : shown(piece);
      at += piece.length;
    }
  }
  return shownText + showControls(text.slice(at));
}

/**
 * The terminal, to which nothing is written that it would obey, whatever a row, a queue's server or an argument holds. Data for
 * a pipe or a file is as it is.
 */
export function withShownControls(terminal: Terminal): Terminal {
  const { writeOut, writeError, showLine, outIsTerminal, ask } = terminal;
  return {
    ...terminal,
    writeOut: outIsTerminal ? (text) => writeOut(shown(text)) : writeOut,
    writeError: (text) => writeError(shown(text)),
    showLine: (text) => showLine(shown(text)),
    ask: ask && {
      secret: (question) => ask.secret(showControls(question)),
      confirm: (question) => ask.confirm(showControls(question)),
      text: (question) => ask.text(showControls(question)),
    },
  };
}

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

/** What ends a command in an orderly way. SIGHUP: its terminal was closed. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

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
  /** Starts listening to the stop signals; without this call they end the process as usual. */
  readonly onSignal: (listener: (signal: StopSignal) => void) => void;
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
