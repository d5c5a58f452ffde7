import type { AwsIdentity, QueueAttributes } from "../../app/open-queue-inspector.ts";
import { BODY_BYTES_MAX } from "../../decode/limits.ts";
import { PiipeError } from "../../errors.ts";
import { RETENTION_DAYS } from "../../storage/ledger/ledger-maintenance.ts";
import { counted, showSeconds } from "../output.ts";
import { type Finding, failure, ok, warning } from "./findings.ts";
import { isLocalHost } from "./is-local-host.ts";

const VISIBILITY_SECONDS_MIN = 30;
const VISIBILITY_SECONDS_LONG = 900;
const SECONDS_PER_DAY = 86_400;
/** For time zones, and clocks that go wrong. */
const LEDGER_MARGIN_DAYS = 2;
const KIB = 1_024;

/** @param configuredSeconds the configuration's visibility timeout; null: the queue's own holds */
export function judgeVisibility(queue: QueueAttributes, configuredSeconds: number | null): readonly Finding[] {
  const seconds = configuredSeconds ?? queue.visibilityTimeoutSeconds;
  if (seconds === null) return [];
  const whose = configuredSeconds === null ? "the queue's own" : "from the configuration";
  const text = `received messages stay hidden for ${showSeconds(seconds)} (${whose})`;
  const setting = "Set source.sqs.visibilityTimeoutSeconds";
  if (seconds < VISIBILITY_SECONDS_MIN) {
    return [
      warning(
        "visibility",
        `${text}: a pause of the worker or the network makes them come again`,
        `${setting} to ${VISIBILITY_SECONDS_MIN} or more: a worker prolongs it while it works.`,
      ),
    ];
  }
  if (seconds > VISIBILITY_SECONDS_LONG) {
    return [
      warning(
        "visibility",
        `${text}: what a worker held that was killed comes back only then`,
        `${setting} to a minute or a few: a worker prolongs it while it works.`,
      ),
    ];
  }
  return [ok("visibility", text)];
}

export function judgeRetention({ retentionSeconds }: QueueAttributes): readonly Finding[] {
  if (retentionSeconds === null) return [];
  const text = `the queue keeps messages for ${showSeconds(retentionSeconds)}`;
  if (retentionSeconds > (RETENTION_DAYS - LEDGER_MARGIN_DAYS) * SECONDS_PER_DAY) {
    return [
      warning(
        "retention",
        `${text}: the ledger knows stored messages for ${RETENTION_DAYS} days, and older ones would be stored again`,
        `Lower its MessageRetentionPeriod to 14 days, the longest that SQS itself has.`,
      ),
    ];
  }
  if (retentionSeconds < SECONDS_PER_DAY) {
    return [
      warning(
        "retention",
        `${text}: an outage that takes longer loses them`,
        "Raise its MessageRetentionPeriod; 4 days are SQS's default, 14 the most.",
      ),
    ];
  }
  return [ok("retention", `${text}, piipe its ledger and business ids for ${RETENTION_DAYS} days`)];
}

export function judgeEncryption({ encryption }: QueueAttributes): readonly Finding[] {
  switch (encryption) {
    case "sqs-managed":
      return [ok("encryption", "SQS encrypts the stored messages with a key of its own")];
    case "kms":
      return [ok("encryption", "SQS encrypts the stored messages with a KMS key: receiving needs kms:Decrypt on it")];
    case "none":
      return [
        warning(
          "encryption",
          "SQS stores the messages, raw personal data and all, unencrypted",
          "Set SqsManagedSseEnabled or KmsMasterKeyId of the queue.",
        ),
      ];
    case null:
      return [ok("encryption", "the queue server does not tell whether it encrypts stored messages")];
  }
}

/** What is worth knowing and nothing to mend. */
export function queueNotes(queue: QueueAttributes): readonly Finding[] {
  const { delaySeconds, messageBytesMax, hasContentBasedDeduplication } = queue;
  const notes: string[] = [];
  if (delaySeconds !== null && delaySeconds > 0) {
    notes.push(`each message can be received ${showSeconds(delaySeconds)} after it was sent (DelaySeconds)`);
  }
  if (messageBytesMax !== null && messageBytesMax > BODY_BYTES_MAX) {
    notes.push(
      `it takes messages of up to ${messageBytesMax / KIB} KiB; events above ${BODY_BYTES_MAX / KIB} KiB are quarantined`,
    );
  }
  if (hasContentBasedDeduplication) {
    notes.push("SQS itself drops a message with the body of one that was sent less than five minutes before");
  }
  return notes.map((note) => ok("queue", note));
}

/** @param setting where another one is set */
export function judgeEndpoint(
  { protocol, hostname, origin }: URL,
  setting = "source.sqs.endpoint or AWS_ENDPOINT_URL_SQS",
): Finding {
  if (protocol === "https:") return ok("tls", `requests to ${origin} are encrypted`);
  if (isLocalHost(hostname)) return ok("tls", `requests to ${origin} are not encrypted, and stay on this machine`);
  return warning(
    "tls",
    `requests to ${origin} are not encrypted: whoever is on the way reads the messages, raw as they are`,
    `Use an https endpoint in ${setting}.`,
  );
}

const WARN_ABOVE_MS = 5_000;
/** SQS refuses a signature that is further off (https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html). */
const SIGNATURE_SKEW_MAX_MS = 300_000;
const REMEDY = "Let NTP set this machine's clock (such as chrony or systemd-timesyncd)";

/** @param offsetMs the other clock less this machine's; null: it is not known */
export function judgeClock(other: "SQS" | "PostgreSQL", offsetMs: number | null): readonly Finding[] {
  if (offsetMs === null) return [];
  const awayMs = Math.abs(offsetMs);
  if (awayMs <= WARN_ABOVE_MS) return [ok("clock", `this machine's clock agrees with that of ${other}`)];
  const away = counted(Math.round(awayMs / 1_000), "second");
  const text = `this machine's clock is ${away} ${offsetMs > 0 ? "behind" : "ahead of"} that of ${other}`;
  if (other === "SQS" && awayMs > SIGNATURE_SKEW_MAX_MS) {
    return [
      failure(
        "clock",
        new PiipeError("queue.credentials", `${text}: AWS refuses requests that are signed with it`, {
          hint: `${REMEDY}. Until then, piipe signs with the time that AWS's refusal tells.`,
        }),
      ),
    ];
  }
  const remedy = other === "SQS" ? REMEDY : `${REMEDY}, and the database server's as well`;
  return [warning("clock", text, `${remedy}.`)];
}

const SUBJECT = "identity";

export function judgeIdentity(identity: AwsIdentity, nowMs: number): Finding {
  const { accessKeyEnd, origin, isTemporary, isRenewed, expiresAt } = identity;
  const expires = expiresAt === null ? "" : `, valid until ${expiresAt.toISOString()}`;
  const from = origin === null ? "" : ` from ${origin}`;
  const text = `AWS access key …${accessKeyEnd}${from}${expires}`;
  if (expiresAt !== null && expiresAt.getTime() <= nowMs) {
    return failure(
      SUBJECT,
      new PiipeError(
        "queue.credentials",
        `the AWS credentials have expired: access key …${accessKeyEnd}${from}${expires}`,
        {
          hint: "Log in again (such as `aws sso login`), or renew the session token.",
        },
      ),
    );
  }
  if (isTemporary && !isRenewed) {
    return warning(
      SUBJECT,
      `${text}, is temporary and nobody renews it: a run ends when it expires`,
      "For workers that stay, give the machine or the container a role, or name a profile that renews its credentials.",
    );
  }
  return ok(SUBJECT, text);
}
