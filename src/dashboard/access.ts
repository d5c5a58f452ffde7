import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../pipeline/contracts.ts";

export const TOKEN_CHARS_MIN = 16;

/** A browser has to show the token again then. */
const SESSION_MS = 12 * 60 * 60 * 1_000;
/** One more ends the oldest. */
const SESSIONS_MAX = 50;

/** Who holds the token may come in. It is compared in constant time, and never leaves in a reply. */
export class Access {
  readonly #token: string;
  readonly #clock: Clock;
  /** Digests of what browsers keep, in the order of their beginning, with their ends. */
  readonly #sessions = new Map<string, number>();

  constructor(token: string, clock: Clock) {
    this.#token = token;
    this.#clock = clock;
  }

  /** Of one dashboard: browsers give cookies to every port of a host. */
  cookieName(port: number): string {
    return `piipe_dashboard_${port}`;
  }

  /**
   * Begins a session. The cookie says nothing of the token, and is good for hours only: a browser gives it to every server of
   * this machine. Not `Secure`: the dashboard itself speaks plain HTTP.
   */
  cookie(port: number): string {
    const session = randomBytes(32).toString("base64url");
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined && this.#sessions.size >= SESSIONS_MAX) this.#sessions.delete(oldest);
    this.#sessions.set(digestOf(session), this.#clock.elapsedMs() + SESSION_MS);
    return `${this.cookieName(port)}=${session}; Path=/; HttpOnly; SameSite=Strict`;
  }

  isToken(given: string): boolean {
    return isSame(given, this.#token);
  }

  /** @param cookies the header */
  hasCookie(cookies: string, port: number): boolean {
    const start = `${this.cookieName(port)}=`;
    return cookies
      .split(";")
      .map((cookie) => cookie.trim())
      .some((cookie) => cookie.startsWith(start) && this.#isSession(cookie.slice(start.length)));
  }

  /** Looked up by digest: the time that it takes tells nothing of a session. */
  #isSession(given: string): boolean {
    const digest = digestOf(given);
    const endMs = this.#sessions.get(digest);
    if (endMs === undefined) return false;
    if (this.#clock.elapsedMs() < endMs) return true;
    this.#sessions.delete(digest);
    return false;
  }

  /** @param authorization the header */
  hasBearer(authorization: string): boolean {
    const [, given] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    return given !== undefined && this.isToken(given);
  }
}

/** Of digests, which are equally long. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64");
