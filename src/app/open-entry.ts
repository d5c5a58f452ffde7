import { PiipeError } from "../errors.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import { openSealed } from "../keys/seal.ts";
import type { Delivery } from "../pipeline/contracts.ts";
import { openHeld } from "../pipeline/sealed-delivery.ts";
import { inTransaction } from "../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "../storage/audit.ts";
import { findEntries } from "../storage/quarantine/find-entries.ts";
import { PendingEvents, databaseTime } from "../storage/quarantine/pending-events.ts";
import type { QuarantineEntry } from "../storage/quarantine/quarantine.ts";
import type { Quarantine } from "./choose-events.ts";

/**
 * One refused event, as far as it can be known without opening it.
 * @param id may be cut after eight characters
 * @throws {PiipeError} `usage.invalid` when there is none, or more than one
 */
export async function findEntry({ pool, queues }: Quarantine, id: string): Promise<QuarantineEntry> {
  const [entry] = await findEntries(pool, queues, [id]);
  if (!entry) throw new Error("an id that is not there was found");
  return entry;
}

/**
 * Opens a refused event. That is noted in `piipe.audit` first, and committed: what cannot be noted is not opened.
 * @throws {PiipeError} `usage.invalid` when it is not pending any more; as `openSealed` does with another key
 */
export async function openEntry(
  { pool, queues }: Quarantine,
  entry: QuarantineEntry,
  privateKey: PrivateKey,
  audit: Pick<AuditEntry, "operator" | "reason">,
): Promise<Delivery> {
  const { id, state } = entry;
  const queue = queues.find(({ arn }) => arn === entry.queue);
  if (state !== "pending" || !queue) throw bodyGone(entry);
  const doing = "noting in piipe.audit who opens an event";
  await inTransaction(pool, { doing }, (run) =>
    writeAudit(run, { ...audit, action: "open", details: { queue: queue.arn, id } }),
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
