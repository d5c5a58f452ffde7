import type { IncomingHttpHeaders } from "node:http";
import type { FaultDice } from "./fault-dice.ts";
import type { BackendReply } from "./keep-alive-backend.ts";

/** What AWS tolerates between its clock and that of the signature. */
const SKEW_TOLERATED_MS = 300_000;
const HOUR_MS = 3_600_000;
/** Requests that are accepted by the wrong clock before it is right again. */
const WRONG_FOR = 40;
const EXPIRED_TOKENS_MAX = 100;

/** Refuses requests before they reach the server behind, as AWS does: with errors, throttling, by token and by clock. */
export class RefusingGate {
  readonly #dice: FaultDice;
  readonly #expiredTokens = new Set<string>();
  #clockOffsetMs = 0;
  #wrongLeft = 0;

  constructor(dice: FaultDice) {
    this.#dice = dice;
  }

  /** The `Date` header of every reply. */
  date(): string {
    return new Date(Date.now() + this.#clockOffsetMs).toUTCString();
  }

  /** null: let through. */
  refusal(action: string, headers: IncomingHttpHeaders): BackendReply | null {
    const dice = this.#dice;
    const refused = this.#refusedByClock(headers) ?? this.#refusedByToken(headers);
    if (refused !== null) return refused;
    if (dice.strikes("error 500")) {
      return dice.random.chance(0.5) ? awsError("InternalError", 500) : { status: 503, body: "" };
    }
    if (dice.strikes("throttle")) {
      return awsError(dice.random.pick(["ThrottlingException", "RequestThrottled"]), 400);
    }
    if (action === "ReceiveMessage" && dice.strikes("over limit")) return awsError("OverLimit", 403);
    return null;
  }

  #refusedByClock(headers: IncomingHttpHeaders): BackendReply | null {
    const { random, rates } = this.#dice;
    if (this.#wrongLeft > 0) {
      this.#wrongLeft -= 1;
      if (this.#wrongLeft === 0 || rates["clock skew"] === 0) {
        this.#clockOffsetMs = 0;
        this.#wrongLeft = 0;
      }
    } else if (this.#dice.strikes("clock skew")) {
      this.#clockOffsetMs = (1 + random.below(6)) * HOUR_MS * (random.chance(0.5) ? 1 : -1);
      this.#wrongLeft = WRONG_FOR;
    }
    const signedAtMs = signingTime(headers);
    if (signedAtMs === null || Math.abs(Date.now() + this.#clockOffsetMs - signedAtMs) < SKEW_TOLERATED_MS) return null;
    return awsError(random.pick(["RequestTimeTooSkewed", "InvalidSignatureException"]), 403);
  }

  #refusedByToken(headers: IncomingHttpHeaders): BackendReply | null {
    const { random, rates } = this.#dice;
    const token = String(headers["x-amz-security-token"] ?? "");
    if (rates["expired token"] === 0) this.#expiredTokens.clear();
    if (!this.#expiredTokens.has(token)) {
      if (!this.#dice.strikes("expired token")) return null;
      // A key without a token cannot be renewed: only this request is refused.
      if (token !== "" && this.#expiredTokens.size < EXPIRED_TOKENS_MAX) this.#expiredTokens.add(token);
    }
    return awsError(random.pick(["ExpiredToken", "ExpiredTokenException"]), 403);
  }
}

/** `20260131T235959Z` of a signed request; null for one that is not signed. */
function signingTime(headers: IncomingHttpHeaders): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers["x-amz-date"] ?? ""));
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function awsError(type: string, status: number): BackendReply {
  return { status, body: JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: "refused on purpose" }) };
}
