import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { soleTable } from "../../app/configured-tables.ts";
import { introspectTable } from "../../app/introspect-table.ts";
import { openKeyring } from "../../app/open-keyring.ts";
import { tryEvents } from "../../app/try-events.ts";
import type { Config } from "../../config/config.ts";
import { insertColumns } from "../../config/insert-columns.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { addableColumns } from "../../init/addable-columns.ts";
import { inferNewColumns } from "../../init/new-fields.ts";
import { renderColumns, withoutLeftOut } from "../../init/render-config.ts";
import { showTable } from "../../postgres/identifiers.ts";
import type { Terminal } from "../terminal.ts";
import { fieldsFrom, requireFetched, withoutEchoes } from "./infer-from.ts";
import type { InitOptions } from "./init-options.ts";
import type { Findings } from "./init-report.ts";
import { peekMessages } from "./peek-messages.ts";
import { readSample } from "./read-sample.ts";
import { URL_PLACEHOLDER, writeConfig } from "./write-config.ts";

/**
 * Adds columns to a configuration for fields that no column of it takes, and leaves the rest of its text as it is.
 * @throws {PiipeError} `config.…`; `sample.invalid` when there is no event; `usage.invalid` when `columns` has no lines of
 * its own
 */
export async function addColumns(options: InitOptions, terminal: Terminal): Promise<Findings> {
  const { folder, environment } = terminal;
  const file = resolve(folder, options.config);
  const config = await loadConfig(file, withUrl(environment));
  const { name, columns } = soleTable(config);
  const text = await readFile(file, "utf8");
  const table = environment["DATABASE_URL"] ? await introspectTable(config) : null;
  const keyring = await openKeyring(config, environment["PIIPE_KEYS"]);
  const bodies =
    options.sample === null
      ? await peekMessages(config, options, terminal)
      : await readSample(options.sample, terminal);
  requireFetched(bodies);

  const { collected, fields, events } = fieldsFrom(bodies, config.source.unwrap, table);
  const inferred = inferNewColumns(collected, { ...config, columns }, table);
  const looked = { bodies, source: config.source, fields, table, existing: columns };
  const inference = addableColumns(withoutEchoes(inferred, looked), table);
  const findings = {
    file: options.config,
    queue: config.source.sqs.queue,
    table: showTable(name),
    tableExists: environment["DATABASE_URL"] ? table !== null : null,
    unwrap: config.source.unwrap,
    events,
    inference,
  };
  const added =
    inference.columns.length === 0 ? null : renderColumns(inference.columns, keyring?.primary?.version ?? null);
  const rest = withoutLeftOut(text, inference.columns);
  const written = added === null ? config : await write(file, insertColumns(rest, added), environment);
  const bounds = table?.boundsOf(soleTable(written).columns) ?? null;
  return { ...findings, trial: await tryEvents(bodies, written, environment["PIIPE_KEYS"], bounds) };
}

const withUrl = (environment: Terminal["environment"]) => ({
  ...environment,
  DATABASE_URL: environment["DATABASE_URL"] || URL_PLACEHOLDER,
});

async function write(file: string, text: string | null, environment: Terminal["environment"]): Promise<Config> {
  if (text !== null) return writeConfig(file, text, { replaces: true, environment });
  throw new PiipeError(
    "usage.invalid",
    `the columns of ${file} have no lines of their own, to which others could be added`,
    {
      hint: "Write each column on a line of its own below `columns:`, without brackets around all of them.",
    },
  );
}
