import { compileDecoder } from "../decode/compile-decoder.ts";
import { parseJson } from "../decode/parse-json.ts";
import { scanJson } from "../decode/scan-json.ts";
import type { Delivery } from "../pipeline/contracts.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export interface ParsedEvents {
  /** Raw: never shown. */
  readonly events: readonly JsonObject[];
  /** Bodies that a run would refuse whatever its columns are. */
  readonly unreadable: number;
}

/** Without a column it refuses what is no event at all: no JSON, no object, too large, too deep. */
const decode = compileDecoder([], new Map(), { unknownFields: "ignore" });

/** The events of message bodies, under the bounds that a run has. */
export function parseEvents(bodies: readonly string[]): ParsedEvents {
  const events = bodies
    .filter((body) => decode(deliveryOf(body)).ok)
    .map((body) => parseJson(body, scanJson(body)) as JsonObject);
  return { events, unreadable: bodies.length - events.length };
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
