import { PiipeError } from "../../src/errors.ts";
import type {
  ActionInputs,
  ActionOutputs,
  BatchFailure,
  BatchOutput,
  SqsAction,
  SqsCaller,
  SqsMessage,
  VisibilityEntry,
} from "../../src/sources/sqs/client/sqs-actions.ts";
import { cutShort } from "./cut-short.ts";
import type { PlannedFault, Step } from "./fault-plan.ts";
import { type Life, never } from "./life.ts";
import type { Receipt } from "./life.ts";
import type { ModelSqs, Served } from "./model-sqs.ts";
import type { World } from "./world.ts";

const STEPS: Readonly<Record<SqsAction, Step>> = {
  ReceiveMessage: "receive",
  DeleteMessageBatch: "delete",
  ChangeMessageVisibilityBatch: "change of visibility",
  GetQueueAttributes: "depth",
  GetQueueUrl: "depth",
};

/** The client waits no longer for a reply, with its retries. */
const HANG_MAX_MS = 90_000;
/** Twice the time that the source hides a corrupt message. */
const CORRUPT_MAX_MS = 10_000;

/** A worker's way to SQS. Fails as the client over HTTP does, after its own retries. */
export class SqsConnection implements SqsCaller {
  readonly #sqs: ModelSqs;
  readonly #life: Life;
  readonly #world: World;

  constructor(sqs: ModelSqs, life: Life, world: World) {
    this.#sqs = sqs;
    this.#life = life;
    this.#world = world;
  }

  call<A extends SqsAction>(action: A, input: ActionInputs[A], signal: AbortSignal): Promise<ActionOutputs[A]> {
    const exchange = this.#exchange(action, input, signal) as Promise<ActionOutputs[A]>;
    return this.#life.mortal(cutShort(exchange, signal, () => signal.reason));
  }

  async #exchange(
    action: SqsAction,
    input: ActionInputs[SqsAction],
    signal: AbortSignal,
  ): Promise<ActionOutputs[SqsAction]> {
    const { clock, random, plan } = this.#world;
    const life = this.#life;
    if (signal.aborted || !life.isAlive) return never();
    const fault = plan.pass(STEPS[action]);
    if (fault !== null) this.#disturb(fault);
    await this.#failBefore(fault);
    await this.#world.travel();
    if (fault?.kind === "late arrival") {
      plan.fire(life.name, fault);
      await clock.sleep(Math.min(fault.lastsMs, HANG_MAX_MS));
    }
    const isGone = (): boolean => signal.aborted || !life.isAlive;
    const { servesTheGone } = this.#world.scenario.queue;
    if (isGone() && (random.chance(0.5) || !servesTheGone)) return never();

    let served: readonly Served[] = [];
    let reply: ActionOutputs[SqsAction];
    if (action === "ReceiveMessage") {
      served = await this.#receive(input as ActionInputs["ReceiveMessage"], fault, isGone);
      reply = { Messages: this.#inTransit(served, fault) };
    } else if ("Entries" in input) {
      reply = this.#batch(input.Entries, fault);
    } else {
      reply = { Attributes: { ApproximateNumberOfMessages: String(this.#sqs.depth) } };
    }

    await this.#failAfter(fault);
    await this.#world.travel();
    if (!isGone()) this.#arrive(served, "Messages" in reply ? reply.Messages : [], fault);
    return reply;
  }

  #arrive(served: readonly Served[], messages: readonly SqsMessage[], fault: PlannedFault | null): void {
    const life = this.#life;
    const { chronicle, clock, scenario } = this.#world;
    const isCorrupt = fault?.kind === "corrupt body";
    const isUnreadable = fault?.kind === "malformed message";
    for (const [index, { receipt, message }] of served.entries()) {
      const isHeld = life.held.has(receipt.id) || life.settling.has(receipt.id);
      life.receive(receipt, !isCorrupt && !isUnreadable);
      // The worker drops the whole reply, unless it need not read the message.
      if (isUnreadable) life.unreadable.add(receipt.id);
      if (!isHeld && messages[index]?.Body !== message.Body)
        clock.after(CORRUPT_MAX_MS, () => this.#checkGivenBack(receipt));
    }
    if (life.inFlight > scenario.limits.inFlightMax) chronicle.break(`${life.name} received more than it may hold`);
  }

  /** Unless it came again since, intact. */
  #checkGivenBack(receipt: Receipt): void {
    const life = this.#life;
    if (!life.isAlive || life.mayLeaveHidden || life.delivered.has(receipt.id)) return;
    if (this.#sqs.hiddenMs(receipt) > CORRUPT_MAX_MS)
      this.#world.chronicle.break(`${life.name} did not give back ${receipt.id}, which came corrupt`);
  }

  /** Notes what the worker cannot make up for by its next try. */
  #disturb({ step, kind }: PlannedFault): void {
    const life = this.#life;
    if (step === "receive" && kind === "late reply") life.mayLapse = true;
    if (step !== "change of visibility" && step !== "delete") return;
    life.disturbances += 1;
    const isTriedAgain =
      kind === "failed entries" || kind === "unanswered entries" || kind === "done but failed entries";
    if (!isTriedAgain || life.disturbances > 1) life.mayLeaveHidden = true;
    if (kind === "refused entries" || life.disturbances > 1) life.mayLapse = true;
  }

  async #failBefore(fault: PlannedFault | null): Promise<void> {
    const { clock, random, plan } = this.#world;
    switch (fault?.kind) {
      case "crash before":
        plan.fire(this.#life.name, fault);
        this.#life.crash(fault.lastsMs);
        return never();
      case "unavailable": {
        plan.fire(this.#life.name, fault);
        await this.#world.travel();
        const code = random.pick(["queue.unavailable", "queue.throttled", "queue.unreachable"] as const);
        throw new PiipeError(code, "SQS failed", { retryable: true });
      }
      case "denied":
        plan.fire(this.#life.name, fault);
        await this.#world.travel();
        throw new PiipeError(random.pick(["queue.denied", "queue.credentials"] as const), "SQS refused the request");
      case "hang":
        plan.fire(this.#life.name, fault);
        await clock.sleep(Math.min(fault.lastsMs, HANG_MAX_MS));
        throw new PiipeError("queue.unreachable", "no reply in time", { retryable: true });
      default:
    }
  }

  async #failAfter(fault: PlannedFault | null): Promise<void> {
    const { clock, plan } = this.#world;
    switch (fault?.kind) {
      case "crash after":
        if (!this.#life.isAlive) return;
        plan.fire(this.#life.name, fault);
        this.#life.crash(fault.lastsMs);
        return never();
      case "lost reply":
        plan.fire(this.#life.name, fault);
        throw new PiipeError("queue.unreachable", "the reply was lost", { retryable: true });
      case "late reply":
        plan.fire(this.#life.name, fault);
        await clock.sleep(Math.min(fault.lastsMs, HANG_MAX_MS));
        break;
      default:
    }
  }

  async #receive(
    input: ActionInputs["ReceiveMessage"],
    fault: PlannedFault | null,
    isGone: () => boolean,
  ): Promise<readonly Served[]> {
    const { MaxNumberOfMessages: max, VisibilityTimeout: seconds, WaitTimeSeconds: waitSeconds } = input;
    const { clock, random, plan } = this.#world;
    const sqs = this.#sqs;
    if (fault?.kind === "empty") {
      plan.fire(this.#life.name, fault);
      return [];
    }
    if (fault?.kind === "duplicate" || fault?.kind === "resurrection") {
      const served = max > 1 ? sqs.receive(this.#life, max - 1, seconds) : [];
      // A duplicate may be in the very same reply, and before the other.
      const again =
        fault.kind === "duplicate" ? sqs.duplicate(this.#life, seconds) : sqs.resurrect(this.#life, seconds);
      if (again !== null) {
        plan.fire(this.#life.name, fault);
        served.push(again);
      }
      if (served.length > 0) return random.shuffle(served);
    }
    const untilMs = clock.nowMs() + waitSeconds * 1_000;
    // Whether a server notices that the one who waits is gone, or gives it messages, is chance.
    const noticesAbsence = random.chance(0.5) || !this.#world.scenario.queue.servesTheGone;
    for (;;) {
      const served = sqs.receive(this.#life, max, seconds);
      if (served.length > 0 || clock.nowMs() >= untilMs) return served;
      await sqs.wait(untilMs);
      if (isGone() && noticesAbsence) return never();
    }
  }

  /** What the network makes of the messages of a reply. */
  #inTransit(served: readonly Served[], fault: PlannedFault | null): readonly SqsMessage[] {
    const messages = served.map(({ message }) => message);
    const struck = this.#world.random.below(Math.max(1, messages.length));
    const message = messages[struck];
    if (message === undefined || fault === null) return messages;
    if (fault.kind === "corrupt body") messages[struck] = { ...message, Body: `${message.Body}?` };
    else if (fault.kind === "malformed message") messages[struck] = { ...message, Attributes: {} };
    else return messages;
    this.#world.plan.fire(this.#life.name, fault);
    return messages;
  }

  #batch(
    entries: ReadonlyArray<Partial<VisibilityEntry> & { Id: string; ReceiptHandle: string }>,
    fault: PlannedFault | null,
  ): BatchOutput {
    const { random, plan } = this.#world;
    const Successful: Array<{ Id: string }> = [];
    const Failed: BatchFailure[] = [];
    const isBatchFault = fault !== null && fault.kind.endsWith("entries");
    if (isBatchFault) plan.fire(this.#life.name, fault);
    const first = random.below(entries.length);
    for (const [index, { Id, ReceiptHandle, VisibilityTimeout }] of entries.entries()) {
      const isStruck = isBatchFault && (index === first || random.chance(0.5));
      if (isStruck && fault.kind === "failed entries") {
        Failed.push({ Id, Code: "InternalError", SenderFault: false });
        continue;
      }
      if (isStruck && fault.kind === "refused entries") {
        Failed.push({ Id, Code: "ReceiptHandleIsInvalid", SenderFault: true });
        continue;
      }
      if (isStruck && fault.kind === "unanswered entries") continue;
      const failure =
        VisibilityTimeout === undefined
          ? this.#sqs.delete(ReceiptHandle)
          : this.#sqs.changeVisibility(ReceiptHandle, VisibilityTimeout);
      if (failure !== null) Failed.push({ Id, ...failure });
      else if (isStruck) Failed.push({ Id, Code: "InternalError", SenderFault: false });
      else Successful.push({ Id });
    }
    return { Successful, Failed };
  }
}
