import { replacerOfAll } from "../../app/inner-tokens.ts";
import { personalColumns, sampledColumns } from "../../app/personal-columns.ts";
import { recognizableColumns, storedMisfits } from "../../app/stored-misfits.ts";
import type { Config } from "../../config/config.ts";
import { WRAPPED_FIELD } from "../../decode/notification.ts";
import { PiipeError } from "../../errors.ts";
import { placeOf } from "../../mask/column-tokens.ts";
import { countDetections } from "../../mask/leak/count-detections.ts";
import type { Column } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { sampleColumns } from "../../storage/search/sample-columns.ts";
import { type Finding, ok, skipped, warning } from "./findings.ts";

/** Stored values by the column's name; raw, so never to be shown. */
export type Samples = ReadonlyMap<string, readonly string[]>;

/** What runs need is to insert: whoever may not read the table has nothing to mend. Null: it cannot be read. */
export async function readSamples(config: Config, pool: PostgresPool): Promise<Samples | null> {
  const places = [...sampledColumns(config), ...recognizableColumns(config.columns)].map(placeOf);
  if (places.length === 0) return new Map();
  try {
    return await sampleColumns(pool, config.sink.postgres.table, places);
  } catch (error) {
    if (error instanceof PiipeError) return null;
    throw error;
  }
}

/** What only an SNS notification has beside its message. */
const OF_NOTIFICATIONS: ReadonlySet<string> = new Set([
  "TopicArn",
  "SignatureVersion",
  "Signature",
  "SigningCertURL",
  "UnsubscribeURL",
]);

/** Columns that take an event as a text out of what SNS makes of it. */
function wrappedEvents(columns: readonly Column[]): readonly Finding[] {
  const wrapped = columns.find(({ from }) => from === WRAPPED_FIELD);
  if (wrapped === undefined || !columns.some(({ from }) => OF_NOTIFICATIONS.has(from))) return [];
  return [
    warning(
      "columns",
      `${wrapped.name} takes the whole event of an SNS notification as a text: events that are JSON are refused (body.wrapped)`,
      "Set `source.unwrap: sns`, and give each field of the event a column; what SNS says of it is in `@sns.topic` and its like.",
    ),
  ];
}

/** What is stored that should not be, by the columns' names and the samples. Counts, and shows no value. */
export function judgeColumns(config: Config, samples: Samples | null): readonly Finding[] {
  const detections = sampledColumns(config).map((column) => {
    const { name, type, masks } = column;
    const values = samples?.get(name) ?? [];
    // What is masked inside looks like what it was, where an address becomes another one.
    const replace = masks === undefined ? null : replacerOfAll(column);
    const left = replace === null ? values : values.map((json) => replace(json, () => ""));
    return [name, countDetections(type, left)] as const;
  });
  const personal = personalColumns(config, new Map(detections));
  const which = personal.length === 0 ? "no" : "no other";
  return [
    ...wrappedEvents(config.columns),
    ...storedMisfits(config.columns, samples ?? new Map()).map(({ text, remedy }) => warning("columns", text, remedy)),
    ...personal.map(({ column, why, remedy }) => warning("columns", `${column} is stored as it is: ${why}`, remedy)),
    samples === null
      ? skipped("columns", `${which} column without a mask looks personal by its name; stored values could not be read`)
      : ok("columns", `${which} column without a mask looks personal, by their names and a sample of values`),
  ];
}
