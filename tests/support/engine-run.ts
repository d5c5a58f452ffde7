import { systemClock } from "../../src/clock.ts";
import { Secret } from "../../src/config/secret.ts";
import type { Clock, Decode, Mask } from "../../src/pipeline/contracts.ts";
import { carriedOver, Engine, type EngineLimits } from "../../src/pipeline/engine.ts";
import type { Totals } from "../../src/pipeline/totals.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { record } from "./masked-records.ts";
import type { ModelSource } from "./model-source.ts";
import { rowOf, writtenOne } from "./one-table.ts";
import { testColumn } from "./test-column.ts";

/** With the limit of what is carried over. */
type Limits = EngineLimits & { readonly haltAboveShare: number };

export interface EngineRunOptions {
  /** Where the table `events (grp text, n integer, t text)` is. */
  readonly databaseUrl: string;
  /** For the writes only: the table is looked at over another one, as it was before any fault. */
  readonly pool: PostgresPool;
  readonly source: ModelSource;
  readonly rejectedMax?: number;
  readonly limits?: Partial<Limits>;
  readonly clock?: Clock;
  /** Hears of what happens as it happens. */
  readonly onEvent?: (event: TelemetryEvent) => void;
}

export interface EngineRun {
  readonly events: readonly TelemetryEvent[];
  /** Rejects with what stopped the run. */
  readonly ended: Promise<Totals>;
}

const COLUMNS = [
  testColumn({ name: "grp", type: "text", nullable: true }),
  testColumn({ name: "n", type: "integer" }),
  testColumn({ name: "t", type: "text", nullable: true }),
];

/** A body is a number, a bar, and a text; without a bar the text is null. A body with `?` before it is refused. */
const decode: Decode = ({ id, sentAtMs, groupId, body }) => {
  if (body.startsWith("?")) return { ok: false, error: { code: "body.not-json", path: null } };
  const [number, text = null] = body.split("|", 2);
  const values = [groupId, Number(number), text];
  return { ok: true, value: { id, sentAtMs, rows: rowOf(values), unknownFields: [], businessId: null } };
};

const mask: Mask = ({ id, sentAtMs, rows }) => ({ ok: true, value: record(rows[0]?.values ?? [], id, sentAtMs) });

const LIMITS: Limits = {
  inFlightMax: 2_000,
  inFlightBytesMax: 1_000_000,
  batchRowsMax: 1_000,
  batchBytesMax: 1_000_000,
  lingerMs: 20,
  writesInFlightMax: 1,
  haltAboveShare: 0.5,
  giveUpAfterMs: 30_000,
};

/** The engine and its sink on a real PostgreSQL, with a model of a queue, until that is empty. */
export async function startEngine(options: EngineRunOptions): Promise<EngineRun> {
  const { databaseUrl, pool, source, rejectedMax, limits, clock = systemClock, onEvent = () => {} } = options;
  const reading = openPool({ url: new Secret(databaseUrl), connectionsMax: 1 });
  const table = await readTargetTable(reading, { schema: null, name: "events" }).finally(() => reading.close());
  const sink = new PostgresSink({
    pool,
    written: writtenOne(table, COLUMNS),
    sourceName: source.name,
    claim: "ledger",
    ...(rejectedMax === undefined ? {} : { rejectedMax }),
  });
  const events: TelemetryEvent[] = [];
  const seal = (text: string): Uint8Array => Buffer.from(text);
  const { haltAboveShare, ...rest } = { ...LIMITS, ...limits };
  const carried = carriedOver(haltAboveShare, clock);
  const engine = new Engine({ source, decode, mask, sink, seal }, rest, carried, clock, (event) => {
    events.push(event);
    onEvent(event);
  });
  const never = new AbortController().signal;
  const ended = engine.run({ stop: never, abort: never, emptyConfirmations: 1 });
  // Whoever waits for it hears of it; it may fail before that.
  ended.catch(() => {});
  return { events, ended };
}
