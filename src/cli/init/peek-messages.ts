import { type QueueAttributes, openQueueInspector } from "../../app/open-queue-inspector.ts";
import { PEEK_VISIBILITY_SECONDS, type Peeked, peekQueue } from "../../app/peek-queue.ts";
import type { Config } from "../../config/config.ts";
import { PiipeError } from "../../errors.ts";
import { confirm } from "../confirm.ts";
import { counted } from "../output.ts";
import { listenForStop } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";

export interface PeekChoice {
  readonly messagesMax: number;
  /** Do not ask where the queue gives messages up early. */
  readonly yes: boolean;
}

/** A queue that gives a message up so early may lose it to the dead-letter queue through the look alone. */
const RECEIVES_FEW = 2;
const GIVE_BACK_TIMEOUT_MS = 10_000;

const SAMPLE_HINT = "Or give events in a file: --sample events.json.";

/**
 * Looks at messages of the queue, and gives them back. Says before what that does to them.
 * @throws {PiipeError} `queue.…`, `usage.invalid` where a consent is missing, `interrupted`
 */
export async function peekMessages(config: Config, choice: PeekChoice, terminal: Terminal): Promise<readonly string[]> {
  const { queue } = config.source.sqs;
  const signals = listenForStop(terminal, GIVE_BACK_TIMEOUT_MS, "what was begun: the messages are given back");
  try {
    const attributes = await readAttributes(config, signals.stop);
    terminal.writeError(
      `looking at up to ${counted(choice.messagesMax, "message")} of ${queue}, and giving them back\n`,
    );
    terminal.writeError(`  ${effectOf(attributes)}\n`);
    await requireConsent(queue, attributes, choice.yes, terminal);
    const peeked = await peekQueue(config.source.sqs, { ...choice, stop: signals.stop, abort: signals.abort });
    report(peeked, terminal);
    if (signals.stop.aborted) throw stopped();
    if (peeked.bodies.length === 0) throw isEmpty(queue, attributes);
    return peeked.bodies;
  } finally {
    signals.close();
  }
}

async function readAttributes(config: Config, stop: AbortSignal): Promise<QueueAttributes> {
  const inspector = await openQueueInspector(config, { credentials: null, signal: stop });
  try {
    return await inspector.attributes(stop);
  } finally {
    await inspector.close();
  }
}

function effectOf({ redrive, isFifo }: QueueAttributes): string {
  const limit =
    redrive === null
      ? ""
      : `; the queue moves a message to its dead-letter queue once it was received ${counted(redrive.receivesMax, "time")}`;
  const order = isFifo ? ". Until they are given back, the later messages of their groups wait" : "";
  return `each of them counts as received once more${limit}${order}`;
}

async function requireConsent(
  queue: string,
  { redrive }: QueueAttributes,
  yes: boolean,
  terminal: Terminal,
): Promise<void> {
  if (yes || redrive === null || redrive.receivesMax > RECEIVES_FEW) return;
  if (terminal.ask === null) {
    throw new PiipeError(
      "usage.invalid",
      `a look may be the last receive that ${queue} grants a message (maxReceiveCount ${redrive.receivesMax})`,
      { hint: `Nothing was received. Add --yes to look all the same. ${SAMPLE_HINT}` },
    );
  }
  const question = "A message may go to the dead-letter queue because of this look. Look all the same?";
  if (!(await confirm(question, yes, terminal))) throw stopped();
}

function report({ bodies, hidden }: Peeked, { writeError }: Terminal): void {
  const given = bodies.length - hidden;
  if (given > 0) writeError(`gave ${counted(given, "message")} back\n`);
  if (hidden === 0) return;
  writeError(
    `warning: ${counted(hidden, "message")} could not be given back at once, and will be there again within ${PEEK_VISIBILITY_SECONDS} seconds\n` +
      "  The AWS identity needs sqs:ChangeMessageVisibility for it, as a run does.\n",
  );
}

const stopped = (): PiipeError => new PiipeError("interrupted", "stopped; no file was written");

function isEmpty(queue: string, { depth }: QueueAttributes): PiipeError {
  const hidden = depth === 0 ? "" : `, though it has about ${depth}: others hold them, or they are delayed`;
  return new PiipeError("queue.empty", `the queue ${queue} gave no message to look at${hidden}`, {
    hint: `Run this again when events arrive. ${SAMPLE_HINT}`,
  });
}
