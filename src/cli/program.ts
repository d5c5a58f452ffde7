import { Command, InvalidArgumentError, Option } from "commander";
import { PACKAGE_VERSION } from "../app/package-version.ts";
import { PiipeError } from "../errors.ts";
import { LOG_LEVELS, type LogLevel } from "../telemetry/log-level.ts";
import type { ListenAddress } from "../telemetry/metrics-listener.ts";
import { addCheckCommand } from "./check-command.ts";
import { addCompletionCommand } from "./completion-command.ts";
import { type Execute, add, config, examples, json } from "./define-command.ts";
import { addDuplicatesCommand } from "./duplicates-command.ts";
import { addHelpCommand } from "./help-command.ts";
import { ENVIRONMENT, EXIT_CODE_MEANINGS, FILES, OUTPUT, topicText } from "./help-topics.ts";
import { addInitCommand } from "./init-command.ts";
import { addKeysCommands } from "./keys-commands.ts";
import { parseListenAddress } from "./listen-address.ts";
import { addLoadCommand } from "./load-command.ts";
import { addQuarantineCommands } from "./quarantine-commands.ts";
import { addRedriveCommand } from "./redrive-command.ts";
import { addAllowDebug } from "./refuse-debugging.ts";
import type { DashboardArguments } from "./run-dashboard.ts";
import { addStatusCommand } from "./status-command.ts";
import { suggestChoices } from "./suggest-choices.ts";
import type { Terminal } from "./terminal.ts";
import { addTokenCommands } from "./token-commands.ts";
import { WORKERS_MAX, type WorkerPlace, type WorkersWanted, parsePlace } from "./workers/worker-count.ts";

/**
 * The command line: names, options and help. What a command does is in commands/.
 * @param execute runs the chosen command
 * @param output where help and errors of usage go; default: this process's own stdout and stderr
 */
export function buildProgram(execute: Execute, output?: Pick<Terminal, "writeOut" | "writeError">): Command {
  const program = new Command("piipe")
    .configureOutput(output === undefined ? {} : { writeOut: output.writeOut, writeErr: output.writeError })
    .description(
      "Lands JSON events from Amazon SQS in PostgreSQL: personal data masked, each message stored exactly once.",
    )
    .version(PACKAGE_VERSION, "-V, --version", "print the version")
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help to see the options and examples)")
    .exitOverride();
  examples(program, [
    ["piipe demo", "see it work: local PostgreSQL and queue, 100 sample events"],
    ["piipe run", "run the pipeline of ./piipe.yaml until stopped"],
    ["piipe check", "look at configuration, keys, database and queue"],
  ]);

  examples(
    add(program, "demo", "start a local PostgreSQL and queue, land 100 sample events, show what happened")
      .option("--serve", "keep the servers and the pipeline up until Ctrl-C")
      .addOption(json())
      .action((options: { serve?: boolean; json?: boolean }) =>
        execute(async (terminal) => {
          const { demoCommand } = await import("./commands/demo.ts");
          return demoCommand({ serve: options.serve ?? false, json: options.json ?? false }, terminal);
        }),
      ),
    [
      ["piipe demo", "start, show, clean up"],
      ["piipe demo --serve", "stay up, to look around and to send events of your own"],
    ],
  );

  addInitCommand(program, execute);
  examples(
    add(program, "run", "run the pipeline: receive, mask, store, delete")
      .addOption(config())
      .option("--until-empty", "end when the queue is empty, instead of waiting for more")
      .option("--workers <count>", "processes to share the work: a number, or auto for one each core", workers, 1)
      .option("--drain-timeout <seconds>", "after a signal, how long to finish what was received", seconds, 25)
      .addOption(
        new Option("--log-level <level>", "least serious log lines to print").choices(LOG_LEVELS).default("info"),
      )
      .addOption(json("print one JSON object with the totals on stdout at the end"))
      .addOption(metrics())
      .addOption(dashboard())
      .option(
        "--dashboard-actions",
        "let the dashboard discard quarantined events, and replay them with --private-file",
      )
      .option("--private-file <path>", "with --dashboard-actions: the private key, which opens events")
      .addOption(new Option("--as-worker <place>", "one of --workers").hideHelp().argParser(parsePlace))
      .action((options: RunFlags) =>
        execute(async (terminal) => {
          const { runCommand } = await import("./commands/run.ts");
          return runCommand(
            {
              config: options.config,
              untilEmpty: options.untilEmpty ?? false,
              workers: options.workers,
              drainTimeoutMs: options.drainTimeout * 1_000,
              logLevel: options.logLevel,
              json: options.json ?? false,
              allowDebug: options.allowDebug ?? false,
              metrics: options.metrics ?? null,
              dashboard: dashboardOptions(options),
              place: options.asWorker ?? null,
            },
            terminal,
          );
        }),
      ),
    [
      ["piipe run", "run ./piipe.yaml until SIGTERM or Ctrl-C"],
      ["piipe run --config logins.yaml --until-empty", "work off what is there, then end"],
      ["piipe run --workers auto", "on all cores; sink.postgres.maxConnections holds for all workers together"],
      ["piipe run --dashboard", "see it at http://127.0.0.1:4780/; another address needs PIIPE_DASHBOARD_TOKEN"],
      [
        "piipe run --dashboard --dashboard-actions",
        "discard quarantined events there; it prints an address with a token",
      ],
      ["piipe run --metrics 0.0.0.0:9464", "serve /metrics for Prometheus, /healthz and /readyz"],
      ["piipe run --until-empty --json | jq .stored", "the totals for a script"],
    ],
  );

  addCheckCommand(program, execute);
  examples(
    add(program, "migrate", "create or update piipe's own tables, and the target table when it is missing")
      .addOption(config())
      .option(
        "--add-columns",
        "add the columns that the configuration has and the target table lacks; NULL in its rows",
      )
      .option("--token-checks", "let the target table refuse what is no token in masked columns; needs the keyring")
      .addOption(json())
      .action((options: { config: string; addColumns?: boolean; tokenChecks?: boolean; json?: boolean }) =>
        execute(async (terminal) => {
          const { migrateCommand } = await import("./commands/migrate.ts");
          const { addColumns = false, tokenChecks = false, json: isJson = false } = options;
          return migrateCommand({ config: options.config, addColumns, tokenChecks, json: isJson }, terminal);
        }),
      ),
    [
      ["DATABASE_URL=postgres://owner@db/app piipe migrate", "with a user who may create; run itself needs less"],
      ["piipe migrate --add-columns", "as the table's owner, after columns came into the configuration"],
      ["piipe migrate --token-checks", "also as its owner; again after each `piipe keys add`"],
    ],
  );

  addStatusCommand(program, execute);
  addKeysCommands(program, execute);
  addDuplicatesCommand(program, execute);
  addTokenCommands(program, execute);
  addQuarantineCommands(program, execute);
  addRedriveCommand(program, execute);
  addLoadCommand(program, execute);

  examples(
    add(program, "mask", "dry run: events as NDJSON on stdin, masked records as NDJSON on stdout")
      .addOption(config())
      .action((options: { config: string }) =>
        execute(async (terminal) => {
          const { maskCommand } = await import("./commands/mask.ts");
          return maskCommand({ config: options.config }, terminal);
        }),
      ),
    [
      [
        "piipe mask < events.ndjson",
        "see what would be stored; touches no queue and no database. Each line is a message's body as it is on the queue: with `unwrap`, still wrapped",
      ],
    ],
  );

  examples(
    add(program, "schema", "print the JSON Schema of the configuration").action(() =>
      execute(async (terminal) => {
        const { schemaCommand } = await import("./commands/schema.ts");
        return schemaCommand(terminal);
      }),
    ),
    [["piipe schema > piipe.schema.json", "for an editor that completes and checks piipe.yaml"]],
  );

  examples(
    add(program, "version", "print the version")
      .addOption(json())
      .action((options: { json?: boolean }) =>
        execute(async (terminal) => {
          const { versionCommand } = await import("./commands/version.ts");
          return versionCommand({ json: options.json ?? false }, terminal);
        }),
      ),
    [["piipe version --json", "with the version of Node"]],
  );
  addCompletionCommand(program, execute);
  addHelpCommand(program);
  addAllowDebug(program);
  suggestChoices(program);
  program.addHelpText("after", () => `\n${afterHelp()}`);
  return program;
}

function afterHelp(): string {
  return [
    topicText("Output", OUTPUT, 6),
    topicText("Exit codes", EXIT_CODE_MEANINGS, 3),
    topicText("Environment", ENVIRONMENT, 21),
    topicText("Files", FILES, 18),
    "More about a command: piipe help run, piipe help keys new\n",
  ].join("\n");
}

interface RunFlags {
  readonly config: string;
  readonly untilEmpty?: boolean;
  readonly workers: WorkersWanted;
  readonly drainTimeout: number;
  readonly logLevel: LogLevel;
  readonly json?: boolean;
  readonly allowDebug?: boolean;
  readonly metrics?: ListenAddress;
  readonly dashboard?: ListenAddress;
  readonly dashboardActions?: boolean;
  readonly privateFile?: string;
  readonly asWorker?: WorkerPlace;
}

function workers(text: string): WorkersWanted {
  if (text === "auto") return text;
  if (/^[1-9]\d?$/.test(text) && Number(text) <= WORKERS_MAX) return Number(text);
  throw new InvalidArgumentError(`Give auto, or a whole number from 1 to ${WORKERS_MAX}.`);
}

function dashboard(): Option {
  const text = "serve the dashboard; without an address at 127.0.0.1:4780";
  return new Option("--dashboard [host:port]", text).preset("127.0.0.1:4780").argParser(parseListenAddress);
}

/** What belongs to the dashboard says nothing without it. */
function dashboardOptions({ dashboard: at, dashboardActions, privateFile }: RunFlags): DashboardArguments | null {
  const allowsActions = dashboardActions ?? false;
  if (allowsActions && at === undefined) throw needs("--dashboard-actions", "--dashboard");
  if (privateFile !== undefined && !allowsActions) throw needs("--private-file", "--dashboard-actions");
  return at === undefined ? null : { at, allowsActions, privateFile: privateFile ?? null };
}

function needs(option: string, other: string): PiipeError {
  return new PiipeError("usage.invalid", `${option} is for ${other}, which was not given`, { hint: `Add ${other}.` });
}

function metrics(): Option {
  const text = "serve /metrics for Prometheus, /healthz and /readyz; without an address at 127.0.0.1:9464";
  return new Option("--metrics [host:port]", text).preset("127.0.0.1:9464").argParser(parseListenAddress);
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 43_200) throw new InvalidArgumentError("Give whole seconds, at most 43200.");
  return value;
}
