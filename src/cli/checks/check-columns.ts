import { replacerOfAll } from "../../app/inner-tokens.ts";
import { personalColumns, sampledColumns } from "../../app/personal-columns.ts";
import { recognizableColumns, storedMisfits } from "../../app/stored-misfits.ts";
import type { Config, TableConfig } from "../../config/config.ts";
import { WRAPPED_FIELD } from "../../decode/notification.ts";
import { PiipeError } from "../../errors.ts";
import { placeOf } from "../../mask/column-tokens.ts";
import { countDetections } from "../../mask/leak/count-detections.ts";
import type { Column } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { sampleColumns } from "../../storage/search/sample-columns.ts";
import { type Finding, ok, skipped, warning } from "./findings.ts";

/** Stored values by the column's name; raw, so never to be shown. */
export type Samples = ReadonlyMap<string, readonly string[]>;

/** What runs need is to insert: whoever may not read the table has nothing to mend. Null: it cannot be read. */
export async function readSamples(table: TableConfig, pool: PostgresPool): Promise<Samples | null> {
  const places = [...sampledColumns(table), ...recognizableColumns(table.columns)].map(placeOf);
  if (places.length === 0) return new Map();
  try {
    return await sampleColumns(pool, table.name, places);
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
function wrappedEvents(columns: readonly Column[]): readonly Pick<ColumnWarning, "text" | "remedy">[] {
  const wrapped = columns.find(({ from }) => from === WRAPPED_FIELD);
  if (wrapped === undefined || !columns.some(({ from }) => OF_NOTIFICATIONS.has(from))) return [];
  return [
    {
      text: `${wrapped.name} takes the whole event of an SNS notification as a text: events that are JSON are refused (body.wrapped)`,
      remedy:
        "Set `source.unwrap: sns`, and give each field of the event a column; what SNS says of it is in `@sns.topic` and its like.",
    },
  ];
}

/**
 * What is stored that should not be, by the columns' names and the samples. Counts, and shows no value.
 * @param samples of each table, in their order; null: they could not be read
 */
export function judgeColumns(
  { tables }: Pick<Config, "tables">,
  samples: readonly (Samples | null)[],
): readonly Finding[] {
  const warnings = tables.flatMap((table, place) => {
    const found = warningsOf(table, samples[place] ?? null);
    return tables.length === 1
      ? found
      : found.map((each) => ({ ...each, text: `${showTable(table.name)}: ${each.text}` }));
  });
  const which = warnings.some(({ isPersonal }) => isPersonal) ? "no other" : "no";
  return [
    ...warnings.map(({ text, remedy }) => warning("columns", text, remedy)),
    samples.includes(null)
      ? skipped("columns", `${which} column without a mask looks personal by its name; stored values could not be read`)
      : ok("columns", `${which} column without a mask looks personal, by their names and a sample of values`),
  ];
}

interface ColumnWarning {
  readonly text: string;
  readonly remedy: string;
  readonly isPersonal: boolean;
}

function warningsOf(table: TableConfig, samples: Samples | null): readonly ColumnWarning[] {
  const detections = sampledColumns(table).map((column) => {
    const { name, type, masks } = column;
    const values = samples?.get(name) ?? [];
    // What is masked inside looks like what it was, where an address becomes another one.
    const replace = masks === undefined ? null : replacerOfAll(column);
    const left = replace === null ? values : values.map((json) => replace(json, () => ""));
    return [name, countDetections(type, left)] as const;
  });
  const odd = [...wrappedEvents(table.columns), ...storedMisfits(table.columns, samples ?? new Map())];
  const personal = personalColumns(table, new Map(detections));
  return [
    ...odd.map(({ text, remedy }) => ({ text, remedy, isPersonal: false })),
    ...personal.map(({ column, why, remedy }) => ({
      text: `${column} is stored as it is: ${why}`,
      remedy,
      isPersonal: true,
    })),
  ];
}
