import type { QueueAttributes } from "../../app/open-queue-inspector.ts";
import { PiipeError } from "../../errors.ts";
import { counted, showSeconds } from "../output.ts";
import { type Finding, failure, ok, warning } from "./findings.ts";

const SUBJECT = "dead letters";
/** A restart or a lost connection costs a good message a receipt, too. */
const RECEIVES_MIN = 5;

/** What became of the look at the dead-letter queue: its attributes, or the code of the error. */
export type DeadLetterQueue =
  | { readonly ok: true; readonly value: QueueAttributes }
  | { readonly ok: false; readonly error: PiipeError };

/**
 * Where messages go that no worker gets through.
 * @param found null: the queue names none
 * @param canSeal whether refused events go to the quarantine
 */
export function judgeDeadLetters(queue: QueueAttributes, found: DeadLetterQueue | null, canSeal: boolean): Finding[] {
  const { redrive } = queue;
  if (redrive === null || found === null) return [canSeal ? NONE : nowhere()];
  const { deadLetterArn, receivesMax } = redrive;
  const holds = found.ok && found.value.depth === 0 ? "; it is empty" : "";
  const where = `${deadLetterArn} takes a message after ${receivesMax} receipts${holds}`;
  return [
    receivesMax < RECEIVES_MIN
      ? warning(
          SUBJECT,
          `${where}: restarts and lost connections alone may send good messages there`,
          "Set maxReceiveCount of the queue's redrive policy to 10.",
        )
      : ok(SUBJECT, where),
    ...(found.ok ? [...judgeDepth(found.value), ...judgeRetention(queue, found.value)] : [unseen(found.error)]),
  ];
}

const NONE = warning(
  SUBJECT,
  "the queue has no dead-letter queue: a message that no worker gets through is received again and again until SQS drops it",
  "Give the queue a redrive policy with a dead-letter queue and a maxReceiveCount of 10.",
);

function nowhere(): Finding {
  return failure(
    SUBJECT,
    new PiipeError(
      "keys.missing",
      "there is neither a key for sealing nor a dead-letter queue: a refused message is received again and again, and lost when SQS drops it",
      { hint: "Make a keyring with such a key (`piipe keys new`), or give the queue a redrive policy." },
    ),
  );
}

function judgeDepth({ depth }: QueueAttributes): Finding[] {
  if (depth === 0) return [];
  return [
    warning(
      SUBJECT,
      `about ${counted(depth, "message")} in the dead-letter queue`,
      "`piipe redrive --dry-run` shows what would become of them; after mending the cause, `piipe redrive`.",
    ),
  ];
}

/** A standard queue's message brings its age along, so that it may be dropped there at once. */
function judgeRetention(queue: QueueAttributes, dead: QueueAttributes): Finding[] {
  if (queue.isFifo || queue.retentionSeconds === null || dead.retentionSeconds === null) return [];
  if (dead.retentionSeconds > queue.retentionSeconds) return [];
  return [
    warning(
      SUBJECT,
      `the dead-letter queue keeps messages for ${showSeconds(dead.retentionSeconds)}, counted from when they were first sent, and this queue for ${showSeconds(queue.retentionSeconds)}: they may be dropped as soon as they get there`,
      "Raise its MessageRetentionPeriod above the queue's, up to 14 days.",
    ),
  ];
}

function unseen({ code }: PiipeError): Finding {
  if (code === "queue.not-found") {
    return warning(
      SUBJECT,
      "the dead-letter queue does not exist: messages that should go there stay in the queue",
      "Create it, or name another in the queue's redrive policy.",
    );
  }
  return ok(SUBJECT, `the dead-letter queue's settings could not be read, which a run does not need (${code})`);
}
