import { dirname, relative, resolve, sep } from "node:path";
import { type IntrospectedTable, introspectTable } from "../../app/introspect-table.ts";
import { tryEvents } from "../../app/try-events.ts";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/load-config.ts";
import { isNotification } from "../../decode/notification.ts";
import { isPointer } from "../../decode/s3-pointer.ts";
import { PiipeError } from "../../errors.ts";
import { collectFields } from "../../init/collect-fields.ts";
import type { JsonObject } from "../../init/collect-fields.ts";
import { type Inference, inferColumns } from "../../init/infer-columns.ts";
import { mainKindOf } from "../../init/main-kind.ts";
import { parseEvents } from "../../init/parse-events.ts";
import { renderConfig } from "../../init/render-config.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf, printError, reportOf } from "../failure.ts";
import type { InitOptions, InitSettings } from "../init/init-options.ts";
import { type InitReport, jsonOf, printReport } from "../init/init-report.ts";
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
  const { events, inference, otherKinds, unreadable } = inferFrom(bodies, draft.source.unwrap, table, settings.table);

  const keys = foundKeys ?? (await makeKeys(keyringFile));
  const origin = counted(
    events,
    options.sample === null ? `message of the queue` : "event of a sample",
    options.sample === null ? "messages of the queue" : "events of a sample",
  );
  const rendered = {
    ...settings,
    keysFile: fromFolder(dirname(file), keyringFile),
    keyVersion: keys.primaryVersion,
    schemaFile: await findSchema(dirname(file)),
  };
  const text = renderConfig(rendered, inference, origin);
  const config = await writeConfig(file, text, { replaces: options.force, environment });
  return {
    options,
    settings,
    hasDatabaseUrl: Boolean(environment["DATABASE_URL"]),
    tableExists: environment["DATABASE_URL"] ? table !== null : null,
    events: { looked: bodies.length, used: events, otherKinds, unreadable },
    inference,
    keys,
    unignored: await unignoredFiles(keys),
    trial: await tryEvents(bodies, config, environment["PIIPE_KEYS"], table?.boundsOf(config.columns) ?? null),
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
  const table = await introspectTable(draft);
  terminal.writeError(
    table === null
      ? `the table ${name} does not exist yet: \`piipe migrate\` will create it\n`
      : `the table ${name} has ${counted(table.columns.length, "column")}\n`,
  );
  return table;
}

interface Inferred {
  readonly inference: Inference;
  readonly events: number;
  readonly otherKinds: number;
  readonly unreadable: number;
}

/** @throws {PiipeError} `sample.invalid` when the events tell no column */
function inferFrom(
  bodies: readonly string[],
  unwrap: Config["source"]["unwrap"],
  table: IntrospectedTable | null,
  tableName: string,
): Inferred {
  const { events, unreadable } = parseEvents(bodies, unwrap);
  requireFetched(bodies);
  if (events.length === 0) {
    const what =
      bodies.length === 0 ? "there is no event" : `none of ${counted(bodies.length, "event")} is a JSON object`;
    throw new PiipeError("sample.invalid", what, {
      hint: "piipe lands events that are JSON objects. Is it the right queue, or the right file?",
    });
  }
  requireUnwrapped(events);
  const main = mainKindOf(events);
  const collected = collectFields(main.events);
  const inference = inferColumns(collected, table);
  if (inference.columns.some(({ from }) => !from.startsWith("@"))) {
    return { inference, events: main.events.length, otherKinds: main.others, unreadable };
  }
  if (table === null || main.events.length === 0) {
    throw new PiipeError(
      "sample.invalid",
      `${counted(events.length, "event")} have no field in common that a column can be made of`,
      {
        hint: "A pipeline is for events of one kind. Give some of that kind with --sample.",
      },
    );
  }
  throw new PiipeError("sample.invalid", `no field of the events can go into a column of the table ${tableName}`, {
    hint: "Is it the right table? Name another with --table; one that does not exist gets the columns of the events.",
  });
}

/** @throws {PiipeError} `sample.invalid` when the events are texts within what SNS makes of them */
function requireUnwrapped(events: readonly JsonObject[]): void {
  const wrapped = events.filter(isNotification).length;
  if (wrapped * 2 < events.length) return;
  throw new PiipeError(
    "sample.invalid",
    `${wrapped} of ${counted(events.length, "message is an SNS notification", "messages are SNS notifications")}: the event is a text in their field Message, where no column can reach its fields and no mask its personal values`,
    {
      hint: "A run takes the event out with `source.unwrap: sns`; for `piipe init` turn on raw message delivery for the queue's subscription (aws sns set-subscription-attributes --attribute-name RawMessageDelivery --attribute-value true --subscription-arn ARN), or give what was published with --sample.",
    },
  );
}

/** @throws {PiipeError} `sample.invalid` when the events are in S3 */
function requireFetched(bodies: readonly string[]): void {
  const pointers = bodies.filter(isPointer).length;
  if (pointers === 0 || pointers * 2 < bodies.length) return;
  throw new PiipeError(
    "sample.invalid",
    `${pointers} of ${counted(bodies.length, "message is a pointer to an object in S3", "messages are pointers to objects in S3")}`,
    {
      hint: "A run fetches them with `source.unwrap: s3`; `piipe init` does not: give some of the objects' texts with --sample.",
    },
  );
}

/** As a configuration in the folder names the file, with slashes. */
function fromFolder(folder: string, file: string): string {
  const path = relative(folder, file).split(sep).join("/");
  return path.startsWith("..") || path.startsWith("/") ? path : `./${path}`;
}
