import { PiipeError } from "../errors.ts";
import type { Delivery, JsonEvent, RawRecord, Rejection, Result, Transform } from "../pipeline/contracts.ts";
import { KEYS_IN_ROWS_MAX } from "./limits.ts";
import { parseJson } from "./parse-json.ts";
import { refuse } from "./refuse.ts";
import { beyondBounds, closingQuote, isNumberPart, type JsonScan, QUOTE, scanJson } from "./scan-json.ts";
import { decodeAll } from "./several-events.ts";
import { withoutMark } from "./unwrap-body.ts";

/** Decodes what the transform makes of each event. What is no event goes to `decode` as it is, to be refused there. */
export function transforming<D extends Delivery>(
  transform: Transform,
  decode: (delivery: D) => Result<RawRecord, Rejection>,
): (delivery: D) => Result<RawRecord, Rejection> {
  return (delivery) => {
    const text = withoutMark(delivery.body);
    const scan = scanJson(text);
    if (beyondBounds(text, scan, KEYS_IN_ROWS_MAX) !== null) return decode(delivery);
    const event = parseEvent(text, scan);
    if (event === null) return decode(delivery);
    if (scan.numberChars >= SAFE_INTEGER_CHARS && roundsInteger(text)) return refuse("field.range", null, ROUNDED);
    let made: unknown;
    try {
      made = transform(event);
    } catch {
      // What it throws may quote the event.
      return refuse("event.transform", null, "the transform threw");
    }
    if (made instanceof Promise) throw promised();
    const events: readonly unknown[] = made === null ? [] : Array.isArray(made) ? (made as readonly unknown[]) : [made];
    const texts: string[] = [];
    for (const each of events) {
      const written = writeEvent(each);
      if (written === null) return refuse("event.transform", null, "the transform gave something else than an event");
      texts.push(written);
    }
    return decodeAll(delivery, texts, decode);
  };
}

const SAFE_INTEGER_CHARS = String(Number.MAX_SAFE_INTEGER).length;
const ROUNDED = "expected whole numbers up to 2⁵³ where there is a transform: JSON.parse rounds larger ones";

/** null: it is no JSON object. */
function parseEvent(text: string, scan: JsonScan): JsonEvent | null {
  try {
    const value = parseJson(text, scan);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonEvent) : null;
  } catch {
    return null;
  }
}

/** null: it is nothing that JSON has as an object. */
function writeEvent(event: unknown): string | null {
  if (typeof event !== "object" || event === null || Array.isArray(event)) return null;
  try {
    return JSON.stringify(event);
  } catch {
    return null;
  }
}

/** Whether a whole number of the JSON text is none that a double holds for certain. */
function roundsInteger(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = closingQuote(text, at);
      if (at === -1) return false;
    } else if (isNumberPart(code)) {
      const start = at;
      while (at + 1 < text.length && isNumberPart(text.charCodeAt(at + 1))) at += 1;
      const written = text.slice(start, at + 1);
      if (/^-?\d+$/.test(written) && !Number.isSafeInteger(Number(written))) return true;
    }
  }
  return false;
}

const promised = (): PiipeError =>
  new PiipeError("usage.invalid", "the transform gave a promise: it must give its result at once", {
    hint: "Make it a function without async. What an event needs from elsewhere belongs into the producer, or into a query on the table.",
  });
