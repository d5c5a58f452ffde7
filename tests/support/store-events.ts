import { randomUUID } from "node:crypto";
import { decoderOptionsOf, openTables, targetsOf } from "../../src/app/open-tables.ts";
import type { Config } from "../../src/config/config.ts";
import { compileDecoder } from "../../src/decode/compile-decoder.ts";
import { compileMask } from "../../src/mask/compile-mask.ts";
import type { BatchOutcome, MaskedRecord } from "../../src/pipeline/contracts.ts";
import type { PostgresPool } from "../../src/postgres/connection.ts";
import { PostgresSink, type PostgresSinkOptions } from "../../src/write/postgres-sink.ts";
import { keyringOf } from "./keyring-of.ts";
import { batchOf, SENT_AT_MS } from "./masked-records.ts";
import { testDelivery } from "./test-delivery.ts";

const NEVER = new AbortController().signal;
const keyring = keyringOf({ 1: "primary" });

/** An event on its way through a pipeline. */
export interface SentEvent {
  readonly id: string;
  readonly event: object;
}

export const sent = (event: object): SentEvent => ({ id: randomUUID(), event });

export interface EventStore {
  readonly sink: PostgresSink;
  /** Takes events the way that a run takes them, in one batch. */
  store(events: readonly SentEvent[], options?: Partial<PostgresSinkOptions>): Promise<BatchOutcome>;
}

/** Looks at the tables as a start does, and then stores events in them. */
export async function openStore(config: Config, pool: PostgresPool): Promise<EventStore> {
  const written = await openTables(config, null, pool);
  const decode = compileDecoder(targetsOf(config, written), decoderOptionsOf(config));
  const columns = config.tables.map((table) => table.columns);
  const mask = compileMask(columns, { keyring, domain: "events", seal: null, dedupeBy: config.dedupeBy });
  const toRecord = ({ id, event }: SentEvent): MaskedRecord => {
    const decoded = decode(testDelivery(JSON.stringify(event), { id, sentAtMs: SENT_AT_MS }));
    const masked = decoded.ok ? mask(decoded.value) : decoded;
    if (!masked.ok) throw new Error(`${masked.error.code} ${masked.error.path}`);
    return masked.value;
  };
  const sinkOf = (options: Partial<PostgresSinkOptions>): PostgresSink =>
    new PostgresSink({ pool, written, sourceName: "queue", claim: "ledger", ...options });
  const usual = sinkOf({});
  return {
    sink: usual,
    store: (events, options) =>
      (options === undefined ? usual : sinkOf(options)).write(batchOf(events.map(toRecord)), NEVER),
  };
}
