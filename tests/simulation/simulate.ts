import { ModelDatabase } from "./model-database.ts";
import { ModelSqs } from "./model-sqs.ts";
import type { MessageKind, PlannedMessage, Scenario } from "./scenario.ts";
import { SimWorker } from "./sim-worker.ts";
import { type SentMessage, World } from "./world.ts";

export interface Report {
  readonly sent: number;
  readonly rows: number;
  readonly quarantined: number;
  /** Neither stored nor quarantined, and in the queue. */
  readonly queued: number;
  /** The same in the dead-letter queue. */
  readonly deadLettered: number;
  /** Of these, what nothing is wrong with. */
  readonly innocent: readonly string[];
  /** How often each fault fired and each rare thing happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** What happened, line by line. */
  readonly trace: () => readonly string[];
  readonly virtualMs: number;
}

/** A promise was broken; the message tells which, and what happened before. */
export class PromiseBroken extends Error {
  override readonly name = "PromiseBroken";
}

const TRACE_LINES_SHOWN = 80;
/** Timers that fire without time going on: more is a loop. */
const STEPS_AT_ONE_TIME_MAX = 100_000;
/** The engine gives back for no longer. */
const RELEASE_MAX_MS = 900_000;

/**
 * Runs the pipeline's engine and SQS source over models of SQS and the database until everything that was sent is stored,
 * quarantined or where it shall stay.
 * @throws PromiseBroken as soon as a promise is broken
 */
export async function simulate(scenario: Scenario): Promise<Report> {
  const world = new World(scenario);
  const { clock, chronicle, sent } = world;
  const database = new ModelDatabase(world);
  const sqs = new ModelSqs(world, (id) => database.isCommitted(id));
  database.deadLettered = sqs.deadLettered;
  const workers = scenario.workerStartsMs.map((_, index) => new SimWorker(`worker ${index + 1}`, world, sqs, database));

  const messages = scenario.messages.map((planned, index) => ({ planned, index }));
  messages.sort((a, b) => a.planned.sentAfterMs - b.planned.sentAfterMs || a.index - b.index);
  for (const [index, { planned }] of messages.entries()) {
    clock.after(planned.sentAfterMs, () => {
      const message = messageOf(planned, index, clock.nowMs(), scenario.queue.isFifo);
      sent.set(message.id, message);
      sqs.send(message);
    });
  }
  for (const [index, afterMs] of scenario.workerStartsMs.entries()) clock.after(afterMs, () => workers[index]?.start());
  for (const signal of scenario.signals) {
    clock.after(signal.afterMs, () => workers[signal.worker % workers.length]?.signal(signal));
  }

  const isDone = (): boolean => {
    if (sent.size < messages.length) return false;
    const kindOf = (id: string): MessageKind => sent.get(id)?.kind ?? "good";
    const isAnyBarred = [...sqs.ids].some((id) => kindOf(id) === "barred");
    const barredGroups = new Set<string>();
    for (const id of sqs.ids) {
      const kind = kindOf(id);
      const groupId = sent.get(id)?.groupId ?? null;
      // A run keeps all that it holds: what is stored, and came again beside such a one, goes when something tells.
      if (isAnyBarred && database.isCommitted(id)) continue;
      // When nothing is left that could tell whether row or table is at fault, it stays, and what is behind it.
      if (kind === "barred" && groupId !== null) barredGroups.add(groupId);
      if (kind === "barred" || (groupId !== null && barredGroups.has(groupId))) continue;
      // Without a key to seal it with, a message that is refused stays in the queue.
      if (scenario.hasSealingKey || kind === "good") return false;
    }
    return true;
  };
  const deadlineMs = clock.startMs + longestMs(scenario);
  let hasRetired = false;
  let lastMs = 0;
  let steps = 0;
  for (;;) {
    await clock.settle();
    if (chronicle.broken !== null) break;
    if (hasRetired && workers.every((worker) => !worker.isRunning)) break;
    if (!hasRetired && isDone()) {
      hasRetired = true;
      for (const worker of workers) worker.retire();
      continue;
    }
    steps = clock.nowMs() === lastMs ? steps + 1 : 0;
    lastMs = clock.nowMs();
    if (lastMs > deadlineMs) chronicle.break("the run does not end");
    else if (steps > STEPS_AT_ONE_TIME_MAX) chronicle.break("the run turns in circles");
    else if (!clock.advance()) chronicle.break("the run hangs: nothing is left to wait for");
  }

  const report = account(world, sqs, database);
  if (chronicle.broken !== null) {
    throw new PromiseBroken(`${chronicle.broken}\n${chronicle.lines(TRACE_LINES_SHOWN).join("\n")}`);
  }
  return report;
}

function messageOf(planned: PlannedMessage, index: number, sentAtMs: number, isFifo: boolean): SentMessage {
  const id = `m${String(index).padStart(3, "0")}`;
  const body = `${planned.kind} ${id} `.padEnd(planned.bytes, "x");
  return { id, kind: planned.kind, body, sentAtMs, groupId: isFifo ? `g${planned.group}` : null };
}

/** Each fault may cost a message its visibility timeout or a release's delay; whoever needs longer will never end. */
function longestMs({ messages, workerStartsMs, signals, faults, queue }: Scenario): number {
  const lastMs = Math.max(
    ...messages.map(({ sentAfterMs }) => sentAfterMs),
    ...workerStartsMs,
    ...signals.map(({ afterMs, awayMs }) => afterMs + awayMs),
  );
  const faultsMs = faults.reduce((sum, { lastsMs }) => sum + lastsMs, 0);
  const waits = 10 + faults.length + signals.length;
  return lastMs + faultsMs + waits * (queue.visibilitySeconds * 1_000 + RELEASE_MAX_MS);
}

function account(world: World, sqs: ModelSqs, database: ModelDatabase): Report {
  const { chronicle, clock, scenario, sent } = world;
  let queued = 0;
  let deadLettered = 0;
  const innocent: string[] = [];
  for (const [id, { kind }] of sent) {
    if (database.isCommitted(id)) continue;
    if (sqs.has(id)) queued += 1;
    else if (sqs.deadLettered.has(id)) {
      deadLettered += 1;
      if (kind === "good") innocent.push(id);
    } else chronicle.break(`${id} is lost`);
  }
  const isUndisturbed =
    scenario.faults.length + scenario.signals.length === 0 &&
    scenario.hasSealingKey &&
    // It may end the simulation while messages are on their way.
    scenario.messages.every(({ kind }) => kind !== "barred");
  if (isUndisturbed && !chronicle.counts.has("run failed") && chronicle.counts.has("redelivered"))
    chronicle.break("a message was delivered twice although nothing went wrong");
  return {
    sent: sent.size,
    rows: [...database.rows.values()].flat().length,
    quarantined: database.quarantine.size,
    queued,
    deadLettered,
    innocent,
    counts: chronicle.counts,
    trace: () => chronicle.lines(),
    virtualMs: clock.nowMs() - clock.startMs,
  };
}
