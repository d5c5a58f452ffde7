import { BODY_BYTES_MAX } from "./limits.ts";
import { KEYS_MAX } from "./limits.ts";
import { countKeys, parseJson } from "./parse-json.ts";
import { beyondBounds, scanJson } from "./scan-json.ts";

/** The text is not what is asked for. */
export const MALFORMED: unique symbol = Symbol("malformed");

/**
 * The JSON value of a text that is not the event: a message attribute's, or what the event is wrapped in. Under the bounds on
 * a body; what breaks one is malformed like what is no JSON at all: the reasons `body.…` would blame the wrong part of the
 * message.
 */
export function parseBoundedJson(text: string): unknown {
  if (Buffer.byteLength(text) > BODY_BYTES_MAX) return MALFORMED;
  const scan = scanJson(text);
  if (beyondBounds(text, scan, KEYS_MAX) !== null) return MALFORMED;
  let value: unknown;
  try {
    value = parseJson(text, scan);
  } catch {
    return MALFORMED;
  }
  const keys = typeof value === "object" && value !== null ? countKeys(value) : 0;
  return keys === scan.keys ? value : MALFORMED;
}
