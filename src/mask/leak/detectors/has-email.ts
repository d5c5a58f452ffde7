const AT = 64;
const DOT = 46;
const LABEL_CHARS_MAX = 63;
const LOCAL_CHARS_MAX = 64;
const DOMAIN_CHARS_MAX = 253;

/** RFC 5322 section 3.2.3, and letters beyond ASCII (RFC 6532). A table: an expression for each character takes ten times as long. */
const LOCAL_CHARS = Uint8Array.from({ length: 0x80 }, (_, code) =>
  /[\w.!#$%&'*+/=?^`{|}~-]/.test(String.fromCharCode(code)) ? 1 : 0,
);
const isLocalChar = (code: number): boolean => code >= 0x80 || LOCAL_CHARS[code] === 1;
/** A domain with a dot, whose last label has no digit: `react@18.2.0` names a version. */
const DOMAIN =
  /^(?:[a-z\d\u0080-\uffff](?:[a-z\d\u0080-\uffff-]{0,61}[a-z\d\u0080-\uffff])?\.)+(?:xn--[a-z\d-]{2,59}|[a-z\u0080-\uffff]{2,63})(?![a-z\d\u0080-\uffff-])/i;
/** `logo@2x.png`: an image for screens of twice the density. */
const DENSITY = /^[1-9]x\.(?:png|jpe?g|gif|webp|avif|svg|heic)/i;

/**
 * Whether the text holds an email address. It goes from each `@` to both sides, and never over another: the work is bounded
 * by the length of the text.
 */
export function hasEmail(text: string): boolean {
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (hasLocalPart(text, at) && hasDomain(text, at + 1)) return true;
  }
  return false;
}

function hasLocalPart(text: string, at: number): boolean {
  let start = at;
  while (start > 0 && at - start <= LOCAL_CHARS_MAX && isLocalChar(text.charCodeAt(start - 1))) start -= 1;
  return start < at && at - start <= LOCAL_CHARS_MAX && text[at - 1] !== ".";
}

function hasDomain(text: string, start: number): boolean {
  let end = start;
  while (end < text.length && end - start <= DOMAIN_CHARS_MAX && text.charCodeAt(end) !== AT) end += 1;
  if (!mayBeDomain(text, start, end)) return false;
  const domain = text.slice(start, end);
  return DOMAIN.test(domain) && !DENSITY.test(domain);
}

/** Whether it begins as a domain does: with a label and a dot behind it. */
function mayBeDomain(text: string, start: number, end: number): boolean {
  let at = start;
  while (at < end && isLabelChar(text.charCodeAt(at))) at += 1;
  return at > start && at - start <= LABEL_CHARS_MAX && text.charCodeAt(at) === DOT;
}

const isLabelChar = (code: number): boolean =>
  code >= 0x80 || (code >= 48 && code <= 57) || ((code | 32) >= 97 && (code | 32) <= 122) || code === 45;
