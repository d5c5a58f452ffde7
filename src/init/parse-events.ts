import { compileDecoder } from "../decode/compile-decoder.ts";
import { isWritable, parseDecimal, writeDecimal } from "../decode/decimal.ts";
import { NUMBER_CHARS_MAX } from "../decode/limits.ts";
import { isKept } from "../decode/number-check.ts";
import { parseJson } from "../decode/parse-json.ts";
import { type ObjectsRead, rawValueAt } from "../decode/raw-value-at.ts";
import { scanJson } from "../decode/scan-json.ts";
import { compileUnwrap } from "../decode/unwrap-body.ts";
import type { Delivery, PathStep, UnwrapStep } from "../pipeline/contracts.ts";
import { type JsonObject, isObject } from "./collect-fields.ts";

export interface ParsedEvents {
  /** Raw: never shown. */
  readonly events: readonly JsonObject[];
  /** Bodies that a run would refuse whatever its columns are. */
  readonly unreadable: number;
}

/** The events of message bodies, out of what they are wrapped in, under the bounds that a run has. */
export function parseEvents(bodies: readonly string[], steps: readonly UnwrapStep[]): ParsedEvents {
  // Without a column it refuses what is no event at all: no JSON, no object, too large, too deep.
  const decode = compileDecoder([{ columns: [], when: [], each: null, bounds: new Map() }], {
    unknownFields: "ignore",
    unwrap: steps,
  });
  const unwrap = compileUnwrap(steps, []);
  const events = bodies.flatMap((body) => {
    const unwrapped = decode(deliveryOf(body)).ok ? unwrap(deliveryOf(body)) : null;
    if (unwrapped?.ok !== true) return [];
    const text = unwrapped.value.body;
    return [asRead(parseJson(text, scanJson(text)) as JsonObject, text)];
  });
  return { events, unreadable: bodies.length - events.length };
}

/**
 * As the columns of a run see the event: they look at how a large number is written. One that no double holds is a
 * bigint here: no column of numbers takes it but one of integers, if it has 64 bits.
 */
function asRead(event: JsonObject, body: string): JsonObject {
  const objectsRead: ObjectsRead = new Map();
  return fieldsOf(event, []);

  /** Recursion is safe: the depth was bounded before. */
  function fieldsOf(object: JsonObject, path: readonly PathStep[]): JsonObject {
    return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, visit(value, [...path, key])]));
  }

  function visit(value: unknown, path: readonly PathStep[]): unknown {
    if (isObject(value)) return fieldsOf(value, path);
    if (Array.isArray(value)) return value.map((item: unknown, index) => visit(item, [...path, index]));
    if (typeof value !== "number" || Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
    const written = rawValueAt(body, path, objectsRead) ?? "";
    return Number.isFinite(value) && !isKept("number", written) ? exactly(written, value) : value;
  }
}

/** With all its digits, as they may be personal. One with a fraction is made so large that no integer column takes it. */
function exactly(written: string, value: number): bigint {
  const decimal = written.length > NUMBER_CHARS_MAX ? null : parseDecimal(written);
  if (decimal === null || !isWritable(decimal)) return BigInt(value);
  return decimal.power < 0 ? BigInt(value) << 64n : BigInt(writeDecimal(decimal));
}

/** A body as if it had been received: for what looks at nothing else. */
export function deliveryOf(body: string): Delivery {
  return {
    id: "",
    attempt: 1,
    sentAtMs: 0,
    receivedAtMs: 0,
    groupId: null,
    body,
    bytes: Buffer.byteLength(body),
    attributes: new Map(),
  };
}
