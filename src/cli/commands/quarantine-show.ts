import { resolve } from "node:path";
import type { Quarantine } from "../../app/choose-events.ts";
import { PiipeError } from "../../errors.ts";
import { loadPrivateKey } from "../../keys/keyring-file.ts";
import type { PrivateKey } from "../../keys/private-key.ts";
import { openSealed } from "../../keys/seal.ts";
import { type Delivery, REJECTION_CODES } from "../../pipeline/contracts.ts";
import { remedyOf } from "../../pipeline/rejection-remedies.ts";
import { openHeld } from "../../pipeline/sealed-delivery.ts";
import { inTransaction } from "../../postgres/transaction.ts";
import { writeAudit } from "../../storage/audit.ts";
import { findEntries } from "../../storage/quarantine/find-entries.ts";
import { PendingEvents, databaseTime } from "../../storage/quarantine/pending-events.ts";
import type { QuarantineEntry } from "../../storage/quarantine/quarantine.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { operatorName } from "../operator-name.ts";
import { withQuarantine } from "../quarantine-choice.ts";
import { type Terminal, showControls } from "../terminal.ts";

export interface QuarantineShowOptions {
  readonly config: string;
  readonly id: string;
  /** Prints the body as well, which is raw. */
  readonly open: boolean;
  readonly privateFile: string;
  readonly reason: string | null;
  readonly json: boolean;
}

export async function quarantineShowCommand(options: QuarantineShowOptions, terminal: Terminal): Promise<ExitCode> {
  const reason = options.reason?.trim() ?? "";
  if (options.open && reason === "") {
    throw new PiipeError("usage.invalid", "opening an event needs a reason", {
      hint: 'Add --reason "why it must be read": it is noted in piipe.audit with your name.',
    });
  }
  if (!options.open && options.reason !== null) {
    throw new PiipeError("usage.invalid", "--reason is for --open, which was not given", {
      hint: "Add --open to see the event itself.",
    });
  }
  const privateKey = options.open ? await loadPrivateKey(resolve(terminal.folder, options.privateFile)) : null;
  return withQuarantine(options.config, terminal, async (quarantine) => {
    const [entry] = await findEntries(quarantine.pool, quarantine.queues, [options.id]);
    if (!entry) throw new Error("an id that is not there was found");
    const opened = privateKey === null ? null : await openEntry(quarantine, entry, privateKey, reason);
    if (options.json) {
      const raw = opened && {
        body: opened.body,
        groupId: opened.groupId,
        attributes: Object.fromEntries(opened.attributes),
      };
      terminal.writeOut(`${JSON.stringify({ ...entry, remedy: remedyOf(entry.code), ...raw })}\n`);
    } else if (opened === null) {
      terminal.writeOut(describe(entry));
    } else {
      // Apart from the body, so that it can be piped on.
      terminal.writeError(describe(entry));
      terminal.writeOut(terminal.outIsTerminal ? `${showControls(opened.body)}\n` : opened.body);
    }
    return EXIT_CODES.done;
  });
}

/** Noted first, and committed: what cannot be noted is not opened. */
async function openEntry(
  { pool, queues }: Quarantine,
  entry: QuarantineEntry,
  privateKey: PrivateKey,
  reason: string,
): Promise<Delivery> {
  const { id, state } = entry;
  const queue = queues.find(({ arn }) => arn === entry.queue);
  if (state !== "pending" || !queue) throw bodyGone(entry);
  const doing = "noting in piipe.audit who opens an event";
  await inTransaction(pool, { doing }, (run) =>
    writeAudit(run, { action: "open", operator: operatorName(), reason, details: { queue: queue.arn, id } }),
  );
  const choice = { queue, ids: [id], code: null, untilFirstSeen: await databaseTime(pool) };
  const events = new PendingEvents(pool, choice, { eventsMax: 1, bytesMax: 0 });
  const [event] = await events.next(new AbortController().signal);
  if (!event) throw bodyGone(entry);
  return openHeld(event, (...sealedAndBound) => openSealed(privateKey, ...sealedAndBound));
}

function bodyGone({ id, state }: QuarantineEntry): PiipeError {
  const settled = state === "pending" ? "settled just now" : state;
  return new PiipeError("usage.invalid", `the event ${id} was ${settled}: what was sealed is gone`, {
    hint: "Only pending events can be opened.",
  });
}

function describe(entry: QuarantineEntry): string {
  const { id, queue, code, path, detail, sentAt, firstSeen, lastSeen, attempts, state, settledAt } = entry;
  const meanings: Readonly<Record<string, string>> = REJECTION_CODES;
  const lines: ReadonlyArray<readonly [string, string | null]> = [
    ["id", id],
    ["queue", queue],
    ["state", settledAt === null ? state : `${state} at ${settledAt}`],
    ["reason", Object.hasOwn(meanings, code) ? `${code}: ${meanings[code]}` : code],
    ["path", path],
    ["detail", detail],
    ["sent", sentAt],
    ["first seen", firstSeen],
    ["last seen", lastSeen],
    ["attempts", String(attempts)],
    ["to do", state === "pending" ? remedyOf(code) : null],
  ];
  return lines.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(10)}  ${text}\n`])).join("");
}
