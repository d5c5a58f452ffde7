import { PiipeError } from "../../errors.ts";
import { counted } from "../output.ts";
import { type Finding, failure, ok, warning } from "./findings.ts";

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
