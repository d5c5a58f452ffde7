import { isIPv4, isIPv6 } from "node:net";
import type { Column, ColumnBounds } from "../pipeline/contracts.ts";
import { checkText, isLongerThan, textCharsMax } from "./check-text.ts";
import { STRING_CHARS_MAX } from "./limits.ts";
import { REFUSED, type Reader, type Refusal } from "./refusal.ts";

/** A JSON string, as it is. Numbers and booleans are not taken for text: that would hide a producer's mistake. */
export const textReader =
  (charsMax: number): Reader =>
  (value) => {
    if (typeof value !== "string") return REFUSED.type;
    return checkText(value, charsMax) ?? value;
  };

/** A JSON string that is one of the labels of the column's enum, in the very spelling. */
export const labelReader =
  (labels: ReadonlySet<string>): Reader =>
  (value) => {
    if (typeof value !== "string") return REFUSED.type;
    return labels.has(value) ? value : REFUSED.format;
  };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** As .NET and Python write it, in braces or as a URN (RFC 9562 section 4), and without hyphens. */
const UUID_SPELLING =
  /^(?:urn:uuid:|\{)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/;

/** A UUID of any version, in the text form of RFC 9562 section 4, in lower case. */
export const readUuid: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  const lower = value.toLowerCase();
  if (UUID.test(lower)) return lower;
  const match = lower.startsWith("{") === lower.endsWith("}") ? UUID_SPELLING.exec(lower) : null;
  return match === null ? REFUSED.format : match.slice(1).join("-");
};

/** Pairs of digits between colons or hyphens, fours between dots or hyphens (Cisco), sixes, or all twelve. */
const MAC =
  /^(?:[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}([.-])[0-9a-f]{4}\2[0-9a-f]{4}|[0-9a-f]{6}[:-]?[0-9a-f]{6})$/;

/** A MAC address of 48 bits, in lower case with colons. */
export const readMac: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  const lower = value.toLowerCase();
  if (!MAC.test(lower)) return REFUSED.format;
  return (lower.replaceAll(/[:.-]/g, "").match(/../g) ?? []).join(":");
};

/**
 * An IPv4 or IPv6 address, as it is. `010.8.8.8` is refused, as it is octal to some readers and decimal to others; so
 * are `127.1`, and a zone (`fe80::1%eth0`), which means something on one machine only.
 */
const readIp: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  return isIPv4(value) || (isIPv6(value) && !value.includes("%")) ? value : REFUSED.format;
};

/** An IPv6 address in brackets, or an IPv4 one; and a port. */
const WITH_PORT = /^(?:\[([^[\]]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5})$/;

/** What is around an address in the event, as the column's settings say. */
export function ipReader({ strip, take, otherwise }: Pick<Column, "strip" | "take" | "otherwise">): Reader {
  if (strip === undefined && take === undefined && otherwise === undefined) return readIp;
  return (value) => {
    if (typeof value !== "string") return REFUSED.type;
    let address = take === "first" ? (value.split(",", 1)[0] ?? "").trim() : value;
    if (strip === "port") {
      const match = WITH_PORT.exec(address);
      address = match?.[1] ?? match?.[2] ?? address;
    }
    const read = readIp(address);
    return read === REFUSED.format && otherwise === null ? null : read;
  };
}

const MAJOR_UNIT = 1_000_000;
const MINOR_UNIT = 1_000;
/** The largest value of PostgreSQL's `integer`, which is assumed while the real column is not known. */
const INTEGER_MAX = 2_147_483_647;
const DOT = 0x2e;
const ZERO = 0x30;

/**
 * A version of one to three decimal parts. For a text column its text; for any other the sortable integer
 * major × 1,000,000 + minor × 1,000 + patch, in which minor and patch reach 999 and major as far as every minor and
 * patch still fits (2146 in an `integer` column). The parts are numbers, as in every ordering of versions: `6.02` and
 * `6.2` are the same version, and so are `3`, `3.0` and `3.0.0`.
 */
export function versionReader(bounds: ColumnBounds | undefined): Reader {
  return bounds?.isText === true ? versionTextReader(textCharsMax(bounds.charsMax)) : versionNumberReader(bounds);
}

const versionTextReader =
  (charsMax: number): Reader =>
  (value) => {
    if (typeof value !== "string") return REFUSED.type;
    if (partsOf(value) === null) return REFUSED.format;
    return isLongerThan(value, charsMax) ? REFUSED.tooLong : value;
  };

function versionNumberReader(bounds: ColumnBounds | undefined): Reader {
  const highest = Math.min(Number(bounds?.integerMax ?? INTEGER_MAX), Number.MAX_SAFE_INTEGER);
  const majorMax = Math.floor((highest + 1) / MAJOR_UNIT) - 1;
  return (value) => {
    if (typeof value !== "string") return REFUSED.type;
    const parts = partsOf(value);
    if (parts === null) return REFUSED.format;
    const [major, minor, patch] = parts;
    if (major > majorMax || minor > 999 || patch > 999) return REFUSED.range;
    return major * MAJOR_UNIT + minor * MINOR_UNIT + patch;
  };
}

/**
 * Major, minor and patch, zero where they are not written; null when the text is no version. By hand, as a regular
 * expression takes several times as long to give its groups.
 */
function partsOf(version: string): [number, number, number] | null {
  const parts: [number, number, number] = [0, 0, 0];
  let part = 0;
  let digits = 0;
  for (let at = 0; at < version.length; at += 1) {
    const code = version.charCodeAt(at);
    const digit = code - ZERO;
    if (digit >= 0 && digit <= 9) {
      parts[part] = (parts[part] ?? 0) * 10 + digit;
      digits += 1;
    } else {
      if (code !== DOT || digits === 0 || part === 2) return null;
      part += 1;
      digits = 0;
    }
  }
  return digits === 0 ? null : parts;
}

/** Whether a parsed number may differ from what was written: infinite, or an integer beyond ±(2^53 − 1). */
const mayBeRounded = (value: number): boolean =>
  !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));

/**
 * Any JSON value, written anew by `JSON.stringify`. Refused is what would not come out as it went in: U+0000, which
 * `jsonb` cannot hold, lone surrogates, infinities and integers beyond ±(2^53 − 1), in keys as in values.
 */
export const readJson: Reader = (value) => checkJson(value, mayBeRounded) ?? JSON.stringify(value);

/** The same of what is stored as it was written: only what no double comes near is refused of the numbers. */
export const checkWrittenJson = (value: unknown): Refusal | null => checkJson(value, isInfinite);

const isInfinite = (value: number): boolean => !Number.isFinite(value);

/** Recursion is safe: the depth was bounded before parsing. */
function checkJson(value: unknown, isRefused: (value: number) => boolean): Refusal | null {
  if (typeof value === "string") return checkText(value, STRING_CHARS_MAX);
  if (typeof value === "number") return isRefused(value) ? REFUSED.range : null;
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      const refusal = checkJson(item, isRefused);
      if (refusal !== null) return refusal;
    }
    return null;
  }
  for (const key of Object.keys(value)) {
    const item = (value as Readonly<Record<string, unknown>>)[key];
    const refusal = checkText(key, STRING_CHARS_MAX) ?? checkJson(item, isRefused);
    if (refusal !== null) return refusal;
  }
  return null;
}
