import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type IntrospectedTable, introspectTable } from "../../app/introspect-table.ts";
import { openKeyring } from "../../app/open-keyring.ts";
import { tryEvents } from "../../app/try-events.ts";
import type { Config, TableConfig } from "../../config/config.ts";
import { insertColumns } from "../../config/insert-columns.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { addableColumns } from "../../init/addable-columns.ts";
import type { Inference } from "../../init/infer-columns.ts";
import { inferNewColumns } from "../../init/new-fields.ts";
import { renderColumns, withoutLeftOut } from "../../init/render-config.ts";
import { tableEvents } from "../../init/table-events.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { counted } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { type EventCounts, fieldsFrom, requireFetched, withoutEchoes } from "./infer-from.ts";
import type { InitOptions } from "./init-options.ts";
import type { Added, Findings } from "./init-report.ts";
import { peekMessages } from "./peek-messages.ts";
import { readSample } from "./read-sample.ts";
import { URL_PLACEHOLDER, writeConfig } from "./write-config.ts";

/**
 * Adds columns to a configuration for fields that no column of it takes, to the table that has rows of them, and leaves the rest
 * of its text as it is.
 * @throws {PiipeError} `config.…`; `sample.invalid` when there is no event; `usage.invalid` when `columns` has no lines of
 * its own
 */
export async function addColumns(options: InitOptions, terminal: Terminal): Promise<Added> {
  const { folder, environment } = terminal;
  const file = resolve(folder, options.config);
  const config = await loadConfig(file, withUrl(environment));
  let text = await readFile(file, "utf8");
  const tables = await introspectAll(config, terminal);
  const keyring = await openKeyring(config, environment["PIIPE_KEYS"]);
  const bodies =
    options.sample === null
      ? await peekMessages(config, options, terminal)
      : await readSample(options.sample, terminal);
  requireFetched(bodies);

  const looks: Look[] = [];
  for (const { table, real } of tables) {
    const look = lookFor(table, real, bodies, config);
    looks.push(look);
    const { inference } = look;
    if (inference.columns.length === 0) continue;
    const lines = renderColumns(inference.columns, keyring?.primary?.version ?? null);
    const rest = withoutLeftOut(text, inference.columns);
    text = insertColumns(rest, lines, keyOf(table, text)) ?? throwFlow(file);
  }
  const events = countsOf(looks, bodies.length);
  const isChanged = looks.some(({ inference }) => inference.columns.length > 0);
  const written = isChanged ? await writeConfig(file, text, { replaces: true, environment }) : config;
  const bounds = tables.flatMap(({ real }, at) =>
    real === null ? [] : [real.boundsOf(written.tables[at]?.columns ?? [])],
  );
  const isWhole = bounds.length === tables.length;
  const trial = await tryEvents(bodies, written, environment["PIIPE_KEYS"], isWhole ? bounds : null);
  const [first, ...others] = tables.map(({ table, real }, at): Findings => ({
    file: options.config,
    queue: config.source.sqs.queue,
    table: showTable(table.name),
    tableExists: environment["DATABASE_URL"] ? real !== null : null,
    unwrap: config.source.unwrap,
    events,
    inference: looks[at]?.inference ?? NOTHING,
    trial,
  }));
  if (first === undefined) throw new TypeError("a configuration without a table");
  return [first, ...others];
}

/** Its key below `tables`; null: the configuration is that of one table. */
const keyOf = ({ name }: TableConfig, text: string): string | null =>
  /^(?:"tables"|'tables'|tables)\s*:/m.test(text) ? showTable(name) : null;

const NOTHING: Inference = { columns: [], leftOut: [], eventId: null };

interface RealTable {
  readonly table: TableConfig;
  /** null: there is none, or nobody looked. */
  readonly real: IntrospectedTable | null;
}

async function introspectAll(config: Config, { environment }: Terminal): Promise<readonly RealTable[]> {
  const tables: RealTable[] = [];
  for (const table of config.tables) {
    tables.push({ table, real: environment["DATABASE_URL"] ? await introspectTable(config, table.name) : null });
  }
  return tables;
}

/** What the sample says of one table. */
interface Look {
  readonly inference: Inference;
  readonly events: EventCounts;
}

/** The columns for fields of what has rows in the table. */
function lookFor(table: TableConfig, real: IntrospectedTable | null, bodies: readonly string[], config: Config): Look {
  const own = tableEvents(bodies, config, table);
  if (own.bodies.length === 0 && bodies.length > 0) {
    return {
      inference: NOTHING,
      events: { looked: bodies.length, used: 0, otherKinds: 0, unreadable: own.unreadable },
    };
  }
  const { collected, fields, events } = fieldsFrom(own.bodies, own.source.unwrap, real);
  const { unknownFields } = config;
  const inferred = inferNewColumns(collected, { columns: table.columns, unknownFields, taken: own.taken }, real);
  const looked = { bodies: own.bodies, source: own.source, fields, table: real, existing: own.columns };
  return {
    inference: addableColumns(withoutEchoes(inferred, looked), real),
    events: { ...events, unreadable: events.unreadable + own.unreadable },
  };
}

/**
 * Of all tables: a message that one of them cannot read, none can.
 * @throws {PiipeError} `sample.invalid` when no table has rows of any
 */
function countsOf(looks: readonly Look[], looked: number): EventCounts {
  const [only, ...others] = looks.map(({ events }) => events);
  if (only !== undefined && others.length === 0 && only.used > 0) return only;
  if (looks.every(({ events }) => events.used === 0)) {
    throw new PiipeError("sample.invalid", `none of ${counted(looked, "event")} has a row in a table`, {
      hint: "Is it the right queue, or the right file? Else look at `when` and `each` of the tables.",
    });
  }
  const unreadable = Math.max(...looks.map(({ events }) => events.unreadable));
  const otherKinds = looks.reduce((sum, { events }) => sum + events.otherKinds, 0);
  return { looked, used: looked - unreadable, otherKinds, unreadable };
}

const withUrl = (environment: Terminal["environment"]) => ({
  ...environment,
  DATABASE_URL: environment["DATABASE_URL"] || URL_PLACEHOLDER,
});

const throwFlow = (file: string): never => {
  throw new PiipeError(
    "usage.invalid",
    `the columns of ${file} have no lines of their own, to which others could be added`,
    {
      hint: "Write each column on a line of its own below `columns:`, without brackets around all of them.",
    },
  );
};
