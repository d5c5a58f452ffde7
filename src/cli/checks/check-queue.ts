import { sealKeyMissing } from "../../app/open-mask.ts";
import { type QueueAttributes, type QueueInspector, openQueueInspector } from "../../app/open-queue-inspector.ts";
import { systemClock } from "../../clock.ts";
import type { Config } from "../../config/config.ts";
import { PiipeError } from "../../errors.ts";
import { counted } from "../output.ts";
import { type Finding, Findings, failure, ok } from "./findings.ts";
import { type DeadLetterQueue, judgeDeadLetters } from "./judge-dead-letters.ts";
import {
  judgeClock,
  judgeEncryption,
  judgeEndpoint,
  judgeIdentity,
  judgeRetention,
  judgeVisibility,
  queueNotes,
} from "./judge-queue.ts";

/** For one look, with its retries. */
const LOOK_TIMEOUT_MS = 20_000;

/**
 * Receives no message of a queue that holds any, and changes nothing.
 * @param canSeal whether refused events go to the quarantine
 */
export async function checkQueue(config: Config, canSeal: boolean): Promise<readonly Finding[]> {
  const findings = new Findings();
  const inspector = await findings.attempt("queue", () =>
    inTime((signal) => openQueueInspector(config, { credentials: null, signal })),
  );
  if (inspector === null) return findings.list;
  try {
    // Where these are missing, nothing more can be asked.
    const identity = await findings.attempt("identity", () =>
      inTime((signal) => inspector.identity(signal), noCredentials),
    );
    if (identity === null) return findings.list;
    findings.add(judgeIdentity(identity, systemClock.nowMs()));
    const queue = await findings.look("queue", async () => {
      const value = await inTime((signal) => inspector.attributes(signal));
      return { text: `${value.arn}: about ${counted(value.depth, "message")}`, value };
    });
    if (queue !== null) findings.add(...queueNotes(queue));
    findings.add(judgeEndpoint(inspector.endpoint));
    if (queue !== null) {
      findings.add(
        ...(queue.isFifo && !canSeal ? [failure("queue", sealKeyMissing())] : []),
        ...judgeVisibility(queue, config.source.sqs.visibilityTimeoutSeconds),
        ...judgeRetention(queue),
        ...judgeEncryption(queue),
      );
      const [deadLetters, permissions] = await Promise.all([
        lookAtDeadLetters(inspector, queue),
        lookAtPermissions(inspector, queue),
      ]);
      findings.add(...judgeDeadLetters(queue, deadLetters, canSeal), ...permissions);
    }
    const clock = judgeClock("SQS", inspector.clockOffsetMs);
    // What answered may be no SQS; but a clock that goes wrong may be why SQS refused.
    findings.add(...(queue === null ? clock.filter(({ level }) => level !== "ok") : clock));
    return findings.list;
  } finally {
    await inspector.close();
  }
}

/** Its settings are good to know: a run itself needs no right to the dead-letter queue. */
async function lookAtDeadLetters(
  inspector: QueueInspector,
  { redrive }: QueueAttributes,
): Promise<DeadLetterQueue | null> {
  if (redrive === null) return null;
  try {
    return { ok: true, value: await inTime((signal) => inspector.attributesOf(redrive.deadLetterArn, signal)) };
  } catch (error) {
    if (error instanceof PiipeError) return { ok: false, error };
    throw error;
  }
}

async function lookAtPermissions(inspector: QueueInspector, { depth }: QueueAttributes): Promise<readonly Finding[]> {
  const mayReceive = depth === 0;
  const findings = new Findings();
  const denials = await findings.attempt("permissions", () =>
    inTime((signal) => inspector.denials(mayReceive, signal)),
  );
  if (denials === null) return findings.list;
  if (denials.length > 0) return denials.map((error) => failure("permissions", error));
  const tried = mayReceive
    ? "no permission to receive, delete and release messages is missing"
    : "no permission to delete and release messages is missing; receiving was not tried: it would count as a receipt of one";
  return [ok("permissions", tried)];
}

const noAnswer = (): PiipeError =>
  new PiipeError("queue.unreachable", `SQS did not answer within ${LOOK_TIMEOUT_MS / 1_000} s`, {
    retryable: true,
    hint: "Check the endpoint, the region and the network.",
  });

const noCredentials = (): PiipeError =>
  new PiipeError("queue.credentials", `AWS credentials could not be had within ${LOOK_TIMEOUT_MS / 1_000} s`, {
    retryable: true,
    hint: "Check what gives them: the profile's credential_process, SSO, or the network to AWS STS or to the machine's role.",
  });

/** @throws {PiipeError} that of `late` when there was no answer in time */
export async function inTime<T>(
  look: (signal: AbortSignal) => Promise<T>,
  late: (timeoutMs: number) => PiipeError = noAnswer,
): Promise<T> {
  const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
  try {
    return await look(signal);
  } catch (error) {
    throw signal.aborted ? late(LOOK_TIMEOUT_MS) : error;
  }
}
