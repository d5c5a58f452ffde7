import { dirname, relative, resolve, sep } from "node:path";
import { firstTable } from "../../app/configured-tables.ts";
import { type IntrospectedTable, introspectTable } from "../../app/introspect-table.ts";
import { tryEvents } from "../../app/try-events.ts";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { renderConfig } from "../../init/render-config.ts";
import { reportOf } from "../../telemetry/error-report.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf, printError } from "../failure.ts";
import { addColumns } from "../init/add-columns.ts";
import { inferFrom } from "../init/infer-from.ts";
import type { InitOptions, InitSettings } from "../init/init-options.ts";
import { addedJson, type InitReport, jsonOf, printAdded, printReport } from "../init/init-report.ts";
import { peekMessages } from "../init/peek-messages.ts";
import { readSample } from "../init/read-sample.ts";
import {
  URL_PLACEHOLDER,
  findKeys,
  findSchema,
  makeKeys,
  requireFree,
  unignoredFiles,
  writeConfig,
} from "../init/write-config.ts";
import { counted } from "../output.ts";
import type { Terminal } from "../terminal.ts";

/** Infers a configuration from real events, and writes it with a keyring. Shows names and counts, never a value. */
export async function initCommand(options: InitOptions, terminal: Terminal): Promise<ExitCode> {
  try {
    if (options.update) {
      const added = await addColumns(options, terminal);
      if (options.json) terminal.writeOut(`${JSON.stringify(addedJson(added))}\n`);
      printAdded(added, options.json, terminal);
      return EXIT_CODES.done;
    }
    const report = await init(options, terminal);
    if (options.json) terminal.writeOut(`${JSON.stringify(jsonOf(report))}\n`);
    printReport(report, options.json, terminal);
    return EXIT_CODES.done;
  } catch (error) {
    if (!options.json) throw error;
    printError(error, terminal);
    terminal.writeOut(`${JSON.stringify({ error: reportOf(error) })}\n`);
    return exitCodeOf(error);
  }
}

async function init(options: InitOptions, terminal: Terminal): Promise<InitReport> {
  const { folder, environment } = terminal;
  const file = resolve(folder, options.config);
  await requireFree(file, options.force);
  const settings = await askMissing(options, terminal);
  const draft = draftOf(settings, environment["DATABASE_URL"]);
  const keyringFile = resolve(folder, options.keys);
  const foundKeys = await findKeys(keyringFile, environment["PIIPE_KEYS"]);
  // What costs nothing comes first: each look at the queue's messages counts.
  const table = await lookAtTable(draft, settings.table, terminal);
  const bodies =
    options.sample === null ? await peekMessages(draft, options, terminal) : await readSample(options.sample, terminal);
  const { events, inference, unwrap } = inferFrom(bodies, draft, table);

  const keys = foundKeys ?? (await makeKeys(keyringFile));
  const origin = counted(
    events.used,
    options.sample === null ? `message of the queue` : "event of a sample",
    options.sample === null ? "messages of the queue" : "events of a sample",
  );
  const rendered = {
    ...settings,
    unwrap,
    keysFile: fromFolder(dirname(file), keyringFile),
    keyVersion: keys.primaryVersion,
    schemaFile: await findSchema(dirname(file)),
  };
  const text = renderConfig(rendered, inference, origin);
  const config = await writeConfig(file, text, { replaces: options.force, environment });
  return {
    file: options.config,
    queue: settings.queue,
    table: settings.table,
    keyring: options.keys,
    hasDatabaseUrl: Boolean(environment["DATABASE_URL"]),
    tableExists: environment["DATABASE_URL"] ? table !== null : null,
    unwrap,
    events,
    inference,
    keys,
    unignored: await unignoredFiles(keys),
    trial: await tryEvents(
      bodies,
      config,
      environment["PIIPE_KEYS"],
      table === null ? null : config.tables.map(({ columns }) => table.boundsOf(columns)),
    ),
  };
}

/** @throws {PiipeError} `usage.invalid` without a terminal, `interrupted` when the person cancels */
async function askMissing({ queue, table, region, endpoint }: InitOptions, { ask }: Terminal): Promise<InitSettings> {
  const missing = [...(queue === null ? ["--queue"] : []), ...(table === null ? ["--table"] : [])];
  if (ask === null && missing.length > 0) {
    throw new PiipeError("usage.invalid", `${missing.join(" and ")} missing, and there is no terminal to ask at`, {
      hint: "Name the queue (name, URL or ARN) and the table (table or schema.table): piipe init --queue login-queue --table user_logins",
    });
  }
  const answer = async (given: string | null, question: string): Promise<string> => {
    const text = given ?? (await ask?.text(question)) ?? null;
    if (text === null) throw new PiipeError("interrupted", "stopped; no file was written");
    return text;
  };
  return {
    queue: await answer(queue, "Which queue? (name, URL or ARN)"),
    table: await answer(table, "Which table? (table or schema.table; it need not exist)"),
    region,
    endpoint,
  };
}

/** The settings that are known before any column is, checked as every configuration is. */
function draftOf({ queue, table, region, endpoint }: InitSettings, databaseUrl: string | undefined): Config {
  const input = {
    source: { sqs: { queue, ...(region === null ? {} : { region }), ...(endpoint === null ? {} : { endpoint }) } },
    sink: { postgres: { url: databaseUrl || URL_PLACEHOLDER, table } },
    columns: { any: { type: "text" } },
  };
  return parseConfig(input, { baseFolder: "." });
}

async function lookAtTable(draft: Config, name: string, terminal: Terminal): Promise<IntrospectedTable | null> {
  if (!terminal.environment["DATABASE_URL"]) {
    terminal.writeError("DATABASE_URL is not set: the columns are made for a table that does not exist yet\n");
    return null;
  }
  const table = await introspectTable(draft, firstTable(draft).name);
  terminal.writeError(
    table === null
      ? `the table ${name} does not exist yet: \`piipe migrate\` will create it\n`
      : `the table ${name} has ${counted(table.columns.length, "column")}\n`,
  );
  return table;
}

/** As a configuration in the folder names the file, with slashes. */
function fromFolder(folder: string, file: string): string {
  const path = relative(folder, file).split(sep).join("/");
  return path.startsWith("..") || path.startsWith("/") ? path : `./${path}`;
}
