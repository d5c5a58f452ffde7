import type { AwsIdentity } from "../../app/open-queue-inspector.ts";
import { PiipeError } from "../../errors.ts";
import { failure, type Finding, ok, warning } from "./findings.ts";

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
