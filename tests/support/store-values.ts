import { randomUUID } from "node:crypto";
import { columnsOf as declaredColumns } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import type { PipelineConfig } from "../../src/config/pipeline-config.ts";
import type { Column, Delivery } from "../../src/pipeline/contracts.ts";
import type { PostgresPool } from "../../src/postgres/connection.ts";
import { boundsOf, checkTable } from "../../src/write/check-table.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable, withDefaults } from "../../src/write/target-table.ts";
import { batchOf, record, SENT_AT_MS } from "./masked-records.ts";
import { decoderOf, writtenOne } from "./one-table.ts";
import { testDelivery } from "./test-delivery.ts";

const NEVER = new AbortController().signal;
const ROWS_MAX = 1_000;

/** The columns as a configuration would declare them. */
export function columnsOf(columns: PipelineConfig["columns"]): readonly Column[] {
  const config: PipelineConfig = {
    source: { sqs: { queue: "values" } },
    sink: { postgres: { url: "postgres://localhost/values", table: "values" } },
    columns,
  };
  return declaredColumns(parseConfig(config, { baseFolder: "/" }));
}

export const deliveryOf = (body: string): Delivery =>
  testDelivery(body, { id: randomUUID(), sentAtMs: SENT_AT_MS, receivedAtMs: SENT_AT_MS });

/**
 * Takes events the way that a run takes them: decodes them for the real columns of the table, and writes what passes.
 * @returns of each body `stored`, or the code of its refusal
 */
export async function storeValues(
  pool: PostgresPool,
  name: string,
  settings: PipelineConfig["columns"],
  bodies: readonly string[],
): Promise<readonly string[]> {
  const columns = columnsOf(settings);
  const table = await withDefaults(pool, await readTargetTable(pool, { schema: null, name }));
  checkTable(table, columns, new Map());
  const decode = decoderOf(columns, boundsOf(table, columns), { unknownFields: "ignore" });
  const sink = new PostgresSink({ pool, written: writtenOne(table, columns), sourceName: name, claim: "ledger" });
  const outcomes: string[] = [];
  const waiting: { readonly place: number; readonly values: Parameters<typeof record>[0] }[] = [];
  const write = async (): Promise<void> => {
    const batch = waiting.splice(0);
    if (batch.length === 0) return;
    const { records } = await sink.write(batchOf(batch.map(({ values }) => record(values))), NEVER);
    for (const [index, { place }] of batch.entries()) {
      const outcome = records[index];
      outcomes[place] = outcome?.kind === "rejected" ? outcome.rejection.code : (outcome?.kind ?? "not written");
    }
  };
  for (const [place, body] of bodies.entries()) {
    const decoded = decode(deliveryOf(body));
    if (decoded.ok) waiting.push({ place, values: decoded.value.values });
    else outcomes[place] = decoded.error.code;
    if (waiting.length === ROWS_MAX) await write();
  }
  await write();
  return outcomes;
}
