import { BODY_BYTES_MAX } from "./limits.ts";
import { countKeys, parseJson } from "./parse-json.ts";
import { beyondBounds, scanJson } from "./scan-json.ts";

/** The text is not what its column's type asks for. */
export const MALFORMED: unique symbol = Symbol("malformed");

/**
 * The JSON value in a message attribute's text, under the bounds on a body. What breaks one is malformed like what is
 * no JSON at all: the reasons `body.…` would blame the wrong part of the message.
 */
export function parseAttributeJson(text: string): unknown {
  if (Buffer.byteLength(text) > BODY_BYTES_MAX) return MALFORMED;
  const scan = scanJson(text);
  if (beyondBounds(text, scan) !== null) return MALFORMED;
  let value: unknown;
  try {
    value = parseJson(text, scan);
  } catch {
    return MALFORMED;
  }
  const keys = typeof value === "object" && value !== null ? countKeys(value) : 0;
  return keys === scan.keys ? value : MALFORMED;
}
