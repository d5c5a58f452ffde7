import type { ErrorCode } from "../../../errors.ts";
import { isTlsCode, tlsFaultOf } from "../../../tls-codes.ts";
import { MalformedReply } from "./reply-shape.ts";
import { ReplyTooLarge } from "./transport.ts";

/** What to do about a failed request before giving up. */
export type RetryKind = "none" | "transient" | "throttling" | "clock-skew" | "credentials";

export interface Classification {
  readonly errorCode: ErrorCode;
  readonly retry: RetryKind;
}

export const UNAVAILABLE: Classification = { errorCode: "queue.unavailable", retry: "transient" };
export const CREDENTIALS: Classification = { errorCode: "queue.credentials", retry: "credentials" };
export const SIGNATURE: Classification = { errorCode: "queue.credentials", retry: "none" };
export const SKEWED: Classification = { errorCode: "queue.credentials", retry: "clock-skew" };
const UNREACHABLE: Classification = { errorCode: "queue.unreachable", retry: "transient" };
const UNTRUSTED: Classification = { errorCode: "queue.unreachable", retry: "none" };
const CLOSED: Classification = { errorCode: "queue.unreachable", retry: "none" };

/** Errors below HTTP, by their `code`: Node's and undici's. Those of TLS are in tls-codes.ts. */
export const NETWORK_ERRORS = {
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  ECONNABORTED: UNREACHABLE,
  EPIPE: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENETDOWN: UNREACHABLE,
  EADDRNOTAVAIL: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  UND_ERR_CONNECT_TIMEOUT: UNREACHABLE,
  UND_ERR_HEADERS_TIMEOUT: UNREACHABLE,
  UND_ERR_BODY_TIMEOUT: UNREACHABLE,
  UND_ERR_SOCKET: UNREACHABLE,
  UND_ERR_HEADERS_OVERFLOW: UNAVAILABLE,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: UNAVAILABLE,
  UND_ERR_CLOSED: CLOSED,
  UND_ERR_DESTROYED: CLOSED,
} as const satisfies Readonly<Record<string, Classification>>;

/** A request that did not succeed, classified. Internal: what leaves a client is a PiipeError. */
export class AwsFailure extends Error {
  override readonly name = "AwsFailure";
  readonly classification: Classification;
  /**
   * The error's name when a table of ours has it, or a code of OpenSSL's and undici's open lists: nothing that a server wrote.
   * Else null.
   */
  readonly known: string | null;
  /** HTTP status, or null when no reply came. */
  readonly status: number | null;
  /** The server's clock, or null when unknown. */
  readonly serverDateMs: number | null;

  constructor(
    classification: Classification,
    known: string | null,
    status: number | null,
    serverDateMs: number | null,
    cause?: unknown,
  ) {
    super("a request to AWS failed", { cause });
    this.classification = classification;
    this.known = known;
    this.status = status;
    this.serverDateMs = serverDateMs;
  }

  /** The same, once it is known that the time of the request was what the server refused. */
  asSkewed(): AwsFailure {
    return new AwsFailure(SKEWED, this.known, this.status, this.serverDateMs, this.cause);
  }
}

function isListed(code: string): code is keyof typeof NETWORK_ERRORS {
  return Object.hasOwn(NETWORK_ERRORS, code);
}

function isUndiciCode(code: string): code is `UND_ERR_${string}` {
  // An invalid argument is ours: a bug, which no retry mends.
  return code.startsWith("UND_ERR_") && code !== "UND_ERR_INVALID_ARG";
}

/** Classifies what `Transport.post` or `Protocol.decode` threw; null when it is none of theirs: a bug. */
export function thrownFailure(error: unknown): AwsFailure | null {
  if (error instanceof AwsFailure) return error;
  if (error instanceof MalformedReply || error instanceof ReplyTooLarge) {
    return new AwsFailure(UNAVAILABLE, null, null, null, error);
  }
  if (!(error instanceof Error)) return null;
  const code: unknown = "code" in error ? error.code : undefined;
  if (typeof code !== "string") return null;
  if (isListed(code)) return new AwsFailure(NETWORK_ERRORS[code], code, null, null, error);
  if (isTlsCode(code))
    return new AwsFailure(tlsFaultOf(code) === "passing" ? UNREACHABLE : UNTRUSTED, code, null, null, error);
  if (isUndiciCode(code)) return new AwsFailure(UNREACHABLE, code, null, null, error);
  // llhttp's errors: the reply is not HTTP.
  if (code.startsWith("HPE_")) return new AwsFailure(UNAVAILABLE, null, null, null, error);
  return "syscall" in error ? new AwsFailure(UNREACHABLE, null, null, null, error) : null;
}
