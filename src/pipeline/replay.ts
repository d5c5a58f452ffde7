import { PiipeError } from "../errors.ts";
import type { Emit } from "../telemetry/events.ts";
import type {
  Clock,
  Decode,
  Delivery,
  HeldEvent,
  HeldEvents,
  Mask,
  MaskedRecord,
  Open,
  Rejection,
  Result,
  Sink,
} from "./contracts.ts";
import { ReceiptFindings, NewFields } from "./findings.ts";
import { addRareCounts, type RareCounts, rareCountsOf } from "./rare-counts.ts";
import { rejectionKey } from "./rejection-text.ts";
import { openHeld } from "./sealed-delivery.ts";
import { writeWithRetry } from "./write-with-retry.ts";

export interface ReplayStages {
  readonly events: HeldEvents;
  /** Called with the ids of a page before any of them is opened: what it cannot note stays sealed. */
  readonly announce: (ids: readonly string[], abort: AbortSignal) => Promise<void>;
  readonly open: Open;
  /**
   * Puts the object that a body still points to into it, or says why the event is refused. Left out: none points to any.
   * Throws a PiipeError when S3 fails.
   */
  readonly fetch?: (delivery: Delivery, abort: AbortSignal) => Promise<Delivery>;
  readonly decode: Decode;
  readonly mask: Mask;
  /** Claims the events where they wait, in the transaction that stores them. */
  readonly sink: Sink;
  /** The sink rolls back what it writes: nothing else is to be changed either. */
  readonly isDryRun: boolean;
}

export interface ReplayOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Finish the page at hand, begin no other. */
  readonly stop: AbortSignal;
  /** Cancel I/O now. */
  readonly abort: AbortSignal;
  /** Give up when a write has failed for so long. */
  readonly giveUpAfterMs: number;
  readonly onPage: (totals: ReplayTotals) => void;
}

/** What a replay did so far. `events` is the sum of the other counts of events. */
export interface ReplayTotals extends RareCounts {
  events: number;
  /** Rows written; in a dry run those that would be. */
  stored: number;
  /** Accepted, and kept out of the table by a trigger or rule of its owner: settled. */
  skipped: number;
  /**
   * Replayed or discarded by somebody else meanwhile, stored under the same business id, or with rows that were all ignored:
   * settled either way.
   */
  duplicate: number;
  /** Of these: with the business id of an event that had other content. Left out while there is none. */
  differing?: number;
  /** Refused again: they stay. */
  refused: number;
  /** Sealed to another key, or damaged: they stay. */
  unopened: number;
  readonly refusals: Map<string, { readonly rejection: Rejection; count: number }>;
}

export function newReplayTotals(): ReplayTotals {
  return { events: 0, stored: 0, skipped: 0, duplicate: 0, refused: 0, unopened: 0, refusals: new Map() };
}

/**
 * Sends refused events the whole way again: open → decode → mask → write, page by page. Each is stored once, however
 * often and by however many replays it is tried; what is refused again stays, with the reason that it has now. A replay
 * that was cut short is carried on by another one.
 *
 * @param totals is added to, also by a replay that fails
 * @throws {PiipeError} `interrupted` when stopped before the end; any other when a service fails
 */
export async function replay(stages: ReplayStages, totals: ReplayTotals, options: ReplayOptions): Promise<void> {
  const newFields = new NewFields();
  for (;;) {
    if (options.stop.aborted || options.abort.aborted) throw interrupted();
    const page = await stages.events.next(options.abort);
    if (page.length === 0) return;
    await stages.announce(
      page.map(({ id }) => id),
      options.abort,
    );
    // What is packed is bounded by the page, and not what it is unpacked to.
    let left = page;
    while (left.length > 0) {
      const part = await prepare(left, stages, options, newFields);
      left = left.slice(part.events);
      await writePart(part, stages, totals, options);
    }
    options.onPage(totals);
  }
}

async function writePart(
  { records, refused, unopened }: PreparedPart,
  stages: ReplayStages,
  totals: ReplayTotals,
  options: ReplayOptions,
): Promise<void> {
  const noteRefused = async (rejections: ReadonlyMap<string, Rejection>): Promise<void> => {
    if (!stages.isDryRun) await stages.events.noteRefused(rejections, options.abort);
    for (const rejection of rejections.values()) addRefusal(totals, rejection);
    totals.refused += rejections.size;
    totals.events += rejections.size;
  };
  totals.unopened += unopened;
  totals.events += unopened;
  // Before the write, which may fail: what these are refused for has nothing to do with the database.
  await noteRefused(refused);
  const written = await write(records, stages.sink, options);
  await noteRefused(written.rejected);

  totals.events += records.length - written.rejected.size;
  totals.stored += written.stored;
  totals.skipped += written.skipped;
  totals.duplicate += written.duplicate;
  addRareCounts(totals, written.rare);
  if (written.differing > 0) totals.differing = (totals.differing ?? 0) + written.differing;
}

interface PreparedPart {
  /** How many of the page it was made of. */
  readonly events: number;
  readonly records: readonly MaskedRecord[];
  readonly refused: ReadonlyMap<string, Rejection>;
  readonly unopened: number;
}

/** Of records that were unpacked, a part holds no more before the one that goes beyond. */
const UNPACKED_BYTES_MAX = 4 * 1024 * 1024;

/** As much of a page as may be held at once: all of it, unless its events were packed or pointed to objects. */
async function prepare(
  page: readonly HeldEvent[],
  stages: ReplayStages,
  { emit, abort }: ReplayOptions,
  newFields: NewFields,
): Promise<PreparedPart> {
  const findings = new ReceiptFindings();
  const records: MaskedRecord[] = [];
  const refused = new Map<string, Rejection>();
  let unopened = 0;
  let events = 0;
  let unpackedBytes = 0;
  for (const event of page) {
    if (unpackedBytes > UNPACKED_BYTES_MAX) break;
    events += 1;
    const opened = openOrNull(event, stages.open);
    if (opened === null) {
      unopened += 1;
      continue;
    }
    const delivery = stages.fetch === undefined ? opened : await stages.fetch(opened, abort);
    unpackedBytes += delivery.bytes - opened.bytes;
    const masked = decodeAndMask(delivery, stages, findings);
    if (masked.ok) records.push(masked.value);
    else refused.set(event.id, masked.error);
    if (masked.ok) unpackedBytes += masked.value.unpackedBytes ?? 0;
  }
  for (const event of findings.events(newFields)) emit(event);
  return { events, records, refused, unopened };
}

function openOrNull(event: HeldEvent, open: Open): Delivery | null {
  try {
    return openHeld(event, open);
  } catch (error) {
    if (error instanceof PiipeError && error.code === "keys.invalid") return null;
    throw error;
  }
}

function decodeAndMask(
  delivery: Delivery,
  { decode, mask }: ReplayStages,
  findings: ReceiptFindings,
): Result<MaskedRecord, Rejection> {
  const decoded = decode(delivery);
  if (!decoded.ok) return decoded;
  const masked = mask(decoded.value);
  if (masked.ok) findings.add(decoded.value, masked.value);
  return masked;
}

interface Written {
  readonly stored: number;
  readonly skipped: number;
  readonly duplicate: number;
  readonly differing: number;
  readonly rare: RareCounts;
  readonly rejected: ReadonlyMap<string, Rejection>;
}

async function write(records: readonly MaskedRecord[], sink: Sink, options: ReplayOptions): Promise<Written> {
  const rejected = new Map<string, Rejection>();
  const counts = { stored: 0, duplicate: 0, differing: 0 };
  if (records.length === 0) return { ...counts, skipped: 0, rare: {}, rejected };
  const outcome = await writeWithRetry(sink, { records, refused: [] }, { ...options, failed: NEVER });
  for (const [index, result] of outcome.records.entries()) {
    const id = records[index]?.id;
    if (id === undefined || result.kind === "quarantined")
      throw new Error("the sink's outcomes do not match its batch");
    if (result.kind === "rejected") rejected.set(id, result.rejection);
    else {
      counts[result.kind] += 1;
      if (result.kind === "duplicate" && result.differs) counts.differing += 1;
    }
  }
  const { skipped = 0, dropped = 0 } = outcome;
  const stored = counts.stored - skipped - dropped;
  return { ...counts, stored, skipped, rare: rareCountsOf(outcome), rejected };
}

/** One page at a time: nothing else can fail meanwhile. */
const NEVER = new AbortController().signal;

function addRefusal({ refusals }: ReplayTotals, rejection: Rejection): void {
  const key = rejectionKey(rejection);
  const known = refusals.get(key);
  if (known) known.count += 1;
  else refusals.set(key, { rejection, count: 1 });
}

function interrupted(): PiipeError {
  return new PiipeError("interrupted", "the replay was stopped before its end", {
    hint: "What was stored is settled. Run the command again: it goes on with what still waits.",
  });
}
