import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export const TOKEN_CHARS_MIN = 16;

/** Who holds the token may come in. It is compared in constant time, and never leaves in a reply. */
export class Access {
  readonly #token: string;
  /** What a browser keeps: whoever reads it from there learns no token. */
  readonly #session: string;

  constructor(token: string) {
    this.#token = token;
    this.#session = createHmac("sha256", token).update("piipe dashboard session").digest("base64url");
  }

  /** Of one dashboard: browsers give cookies to every port of a host. */
  cookieName(port: number): string {
    return `piipe_dashboard_${port}`;
  }

  /** Not `Secure`: the dashboard itself speaks plain HTTP. */
  cookie(port: number): string {
    return `${this.cookieName(port)}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`;
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
      .some((cookie) => cookie.startsWith(start) && isSame(cookie.slice(start.length), this.#session));
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
