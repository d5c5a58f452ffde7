/*
 * URLs are read more strictly here than by whoever connects: a raw `@`, `/`, `?` or `#` in a password ends the part in which
 * it stands, and what follows would be taken for a host (looked up, and shown in errors) or for a database's name.
 */

const POSTGRES = /^postgres(?:ql)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
/** A host of DNS, an IPv4 address, an IPv6 address in brackets, or the percent-encoded folder of a Unix socket; and a port. */
const HOST = /^(?:[\p{L}\p{M}\p{N}._-]*|\[[\da-f:.]+\]|%2f[^:[\]]*)(?::\d{1,5})?$/iu;
/** A percent sign that stands for itself, blanks and controls: each reader makes something else of them. */
const UNENCODED = /%(?![\da-f]{2})|[\s\p{Cc}]/iu;

const POSTGRES_URL =
  "a URL that begins with postgres:// or postgresql://, special characters in its password percent-encoded";
/** Of libpq's values of target_session_attrs, those of a server that takes writes. */
const WRITABLE: ReadonlySet<string> = new Set(["read-write", "primary"]);

/** What would be right, or what is wrong and what would be right, as the schema's texts; null: it is a connection URL. */
export function postgresUrlProblem(text: string): string | null {
  const [, authority = "", database = "", query = ""] = POSTGRES.exec(text) ?? [];
  const parts = authority.split("@");
  if (!POSTGRES.test(text) || UNENCODED.test(text) || parts.length > 2) return POSTGRES_URL;
  if (/[@:]/.test(database) || query.includes("@")) return POSTGRES_URL;
  const parameters = new URLSearchParams(query);
  if (parameters.getAll("host").some((name) => name.includes(","))) {
    return "names several hosts behind host=; it must name them before the database, as in postgres://USER@HOST1:5432,HOST2:5432/DATABASE";
  }
  const wanted = parameters.get("target_session_attrs");
  if (wanted !== null && !WRITABLE.has(wanted)) {
    return `asks for a server that may take no writes by target_session_attrs; it must be ${[...WRITABLE].join(" or ")}`;
  }
  const hosts = (parts.at(-1) ?? "").split(",");
  if (hosts.length > 1 && (hosts.includes("") || parameters.has("host"))) return POSTGRES_URL;
  const isRight = hosts.every((host) => HOST.test(host)) && urlsByHost(text).every(canParse);
  return isRight ? null : POSTGRES_URL;
}

const canParse = (url: string): boolean => URL.canParse(url.replace("@/", "@localhost/"));

/** Of a connection URL. */
export function hasPassword(url: string): boolean {
  const [, authority = "", , query = ""] = POSTGRES.exec(url) ?? [];
  return /:[^@]+@/.test(authority) || new URLSearchParams(query).has("password");
}

/** A connection URL for each host that one names, in their order. */
export function urlsByHost(url: string): readonly string[] {
  const [, authority = ""] = POSTGRES.exec(url) ?? [];
  const begin = url.indexOf("://") + "://".length;
  const end = begin + authority.length;
  const hostsBegin = begin + authority.lastIndexOf("@") + 1;
  const hosts = url.slice(hostsBegin, end).split(",");
  return hosts.map((host) => `${url.slice(0, hostsBegin)}${host}${url.slice(end)}`);
}

/** Whether a URL of http or https has no user, password, query or fragment, nor anything that might be one of them. */
export function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\/[^/]/i.test(text) || /[@?#\\\s]/.test(text)) return false;
  return URL.canParse(text);
}

/** A queue's URL as servers write it: its host may be one that no resolver takes, where an endpoint is set. */
const QUEUE_URL =
  /^https?:\/\/([\p{L}\p{M}\p{N}._-]+|\[[\da-f:.]+\])(?::\d{1,5})?(\/[^@?#\\\s\p{Cc}]*[^@?#\\\s\p{Cc}/]\/*)$/iu;

export interface QueueUrlParts {
  /** Without the port. */
  readonly host: string;
  /** Percent-encoded. */
  readonly path: string;
}

/** null: it is no queue's URL. */
export function queueUrlParts(text: string): QueueUrlParts | null {
  const [, host, path] = QUEUE_URL.exec(text) ?? [];
  return host === undefined || path === undefined ? null : { host, path: new URL(`http://localhost${path}`).pathname };
}
