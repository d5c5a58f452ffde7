import { matches } from "./matches.ts";

/** RFC 7519 in the compact form of RFC 7515 section 7.1. The first character of the header is a brace, with or without space after it. */
const CANDIDATE = /(?<![\w-])(e[wy][\w-]{8,})\.[\w-]+\.[\w-]*/g;

export function hasJwt(text: string): boolean {
  for (const match of matches(CANDIDATE, text)) {
    if (isHeader(match[1] ?? "")) return true;
  }
  return false;
}

/** The error of `JSON.parse` is dropped: its message quotes the text. */
function isHeader(base64url: string): boolean {
  const text = Buffer.from(base64url, "base64url").toString();
  // An exception for each of many candidates would be dear.
  if (!text.includes('"alg"')) return false;
  try {
    const header: unknown = JSON.parse(text);
    return typeof header === "object" && header !== null && Object.hasOwn(header, "alg");
  } catch {
    return false;
  }
}
