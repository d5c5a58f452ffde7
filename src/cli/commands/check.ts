import { resolve } from "node:path";
import { openDatabase } from "../../app/open-database.ts";
import { openMask } from "../../app/open-mask.ts";
import { openSource } from "../../app/open-pipeline.ts";
import { openTable } from "../../app/open-table.ts";
import { requireRunRights } from "../../app/require-own-rights.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { countDetections } from "../../pipeline/mask/leak/count-detections.ts";
import { OPERATORS } from "../../pipeline/mask/operators/operators.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { inTransaction } from "../../postgres/transaction.ts";
import { checkMigrated, firstPending } from "../../store/check-migrated.ts";
import { sampleColumns } from "../../store/sample-columns.ts";
import { EXIT_CODES, type ExitCode, exitCodeOfErrorCode } from "../exit-codes.ts";
import { PERSONAL_COLUMN_REMEDY, personalColumns, sampledColumns } from "../personal-columns.ts";
import { pendingCheckProblems, pendingColumnProblem, type PendingProblem } from "../pending-versions.ts";
import { reportOf } from "../print-error.ts";
import { recognizableColumns, storedMisfits } from "../stored-misfits.ts";
import { styler, type Terminal } from "../terminal.ts";

export interface CheckOptions {
  readonly config: string;
  readonly json: boolean;
}

type Warn = (subject: string, text: string, hint: string | null) => void;

/** Takes one look and notes what it found: null when it failed. */
type Look = <T>(
  subject: string,
  work: () => Promise<{ readonly text: string; readonly value: T }>,
) => Promise<T | null>;

interface Finding {
  readonly subject: string;
  readonly level: "ok" | "warning" | "error";
  readonly text: string;
  readonly code: PiipeError["code"] | null;
  readonly hint: string | null;
}

/** Goes on after an error wherever the next look does not need what failed. Receives no message, writes no row. */
export async function checkCommand(options: CheckOptions, terminal: Terminal): Promise<ExitCode> {
  const findings: Finding[] = [];
  const look: Look = async (subject, work) => {
    try {
      const { text, value } = await work();
      findings.push({ subject, level: "ok", text, code: null, hint: null });
      return value;
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      const { message, hint } = reportOf(error);
      findings.push({ subject, level: "error", text: message, code: error.code, hint });
      return null;
    }
  };
  const warn: Warn = (subject, text, hint) => {
    findings.push({ subject, level: "warning", text, code: null, hint });
  };

  const config = await look("configuration", async () => {
    const value = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
    return { text: `${options.config}: ${value.columns.length} columns`, value };
  });
  if (config) {
    for (const warning of config.warnings) warn("configuration", warning, null);
    const keys = await look("keys", async () => {
      const { keyring } = await openMask(config, terminal.environment["PIIPE_KEYS"]);
      return { text: describeKeys(config, keyring), value: { keyring } };
    });
    if (keys && !keys.keyring?.sealingPublicKey) {
      warn(
        "keys",
        "no sealing key: refused messages stay in the queue until its dead-letter queue takes them",
        "`piipe keys new` makes one; or make sure that the queue has a dead-letter queue.",
      );
    }
    const pending = keys?.keyring ? pendingColumnProblem(config, keys.keyring) : null;
    if (pending) warn("keys", pending.text, pending.remedy);
    const samples = await checkDatabase(config, keys?.keyring ?? null, look, warn);
    checkColumns(config, samples, findings);
    await look("queue", async () => {
      const source = await openSource(config, {
        keysJson: undefined,
        emit: () => {},
        untilEmpty: false,
        credentials: null,
        stop: new AbortController().signal,
      });
      try {
        const depth = await source.depth(new AbortController().signal);
        return { text: `${source.name}: about ${depth} messages`, value: true };
      } finally {
        await source.close();
      }
    });
  }
  print(findings, options.json, terminal);
  const failed = findings.find(({ level }) => level === "error");
  return failed?.code ? exitCodeOfErrorCode(failed.code) : EXIT_CODES.done;
}

/** Stored values by the column's name; raw, so never to be shown. */
type Samples = ReadonlyMap<string, readonly string[]>;

/** Also reads a sample of the stored values: null when they cannot be read. */
async function checkDatabase(config: Config, keyring: Keyring | null, look: Look, warn: Warn): Promise<Samples | null> {
  const pool = openDatabase(config);
  try {
    const isReachable = await look("database", async () => {
      // In a transaction, as a run writes: a connection pooler may allow none.
      const options = { doing: "asking for the version", statementTimeoutMs: 30_000, lockTimeoutMs: 10_000 };
      const { rows } = await inTransaction(pool, options, (run) =>
        run("SELECT current_setting('server_version') AS version"),
      );
      return { text: `PostgreSQL ${rows[0]?.["version"]} at ${pool.place.address}`, value: true };
    });
    if (!isReachable) return null;
    const isMigrated = await look("migrations", async () => {
      const willCreate = config.sink.postgres.createTable && (await firstPending(pool)) !== null;
      if (!willCreate) await checkMigrated(pool);
      return {
        text: willCreate ? "run will create piipe's own tables" : "piipe's own tables are up to date",
        value: !willCreate,
      };
    });
    if (isMigrated) {
      await look("rights", async () => {
        await requireRunRights(config, pool);
        return { text: `${pool.place.user} may do what a run does to piipe's own tables`, value: true };
      });
    }
    const pending = await look<readonly PendingProblem[] | null>("table", async () => {
      const name = showTable(config.sink.postgres.table);
      try {
        const table = await openTable(config, keyring, pool);
        const problems = keyring === null ? [] : await pendingCheckProblems(config, keyring, pool, table.name);
        return { text: `${name} can hold the columns`, value: problems };
      } catch (error) {
        const isMissing = error instanceof PiipeError && error.code === "database.table-missing";
        if (!isMissing || !config.sink.postgres.createTable) throw error;
        return { text: `run will create ${name}`, value: null };
      }
    });
    if (pending === null) return null;
    for (const { text, remedy } of pending) warn("table", text, remedy);
    return await readSamples(config, pool);
  } finally {
    await pool.close();
  }
}

/** What runs need is to insert: whoever may not read the table has nothing to mend. */
async function readSamples(config: Config, pool: PostgresPool): Promise<Samples | null> {
  const names = [...sampledColumns(config), ...recognizableColumns(config.columns)].map(({ name }) => name);
  if (names.length === 0) return new Map();
  try {
    return await sampleColumns(pool, config.sink.postgres.table, names);
  } catch (error) {
    if (error instanceof PiipeError) return null;
    throw error;
  }
}

function checkColumns(config: Config, samples: Samples | null, findings: Finding[]): void {
  const detections = sampledColumns(config).map(
    ({ name, type }) => [name, countDetections(type, samples?.get(name) ?? [])] as const,
  );
  const personal = personalColumns(config, new Map(detections));
  const base = { subject: "columns", code: null };
  for (const { text, remedy } of storedMisfits(config.columns, samples ?? new Map())) {
    findings.push({ ...base, level: "warning", text, hint: remedy });
  }
  for (const { column, why } of personal) {
    const text = `${column} is stored as it is: ${why}`;
    findings.push({ ...base, level: "warning", text, hint: PERSONAL_COLUMN_REMEDY });
  }
  const which = personal.length === 0 ? "no" : "no other";
  const how =
    samples === null ? "by their names; stored values could not be read" : "by their names and a sample of values";
  const text = `${which} column without a mask looks personal, ${how}`;
  findings.push({ ...base, level: "ok", text, hint: null });
}

function describeKeys(config: Config, keyring: Keyring | null): string {
  const keyed = config.columns
    .filter(({ mask }) => mask !== null && OPERATORS[mask].needsKey)
    .map(({ name, keyVersion }) => (keyVersion === null ? name : `${name} (version ${keyVersion})`));
  const version = keyring?.primary?.version;
  const shown = version === undefined ? "no keyring" : `key version ${version}`;
  const ids = config.dedupeBy === null ? "" : `; business ids by ${config.dedupeBy.from}`;
  return `${shown}; columns masked with a key: ${keyed.join(", ") || "none"}${ids}`;
}

function print(findings: readonly Finding[], json: boolean, terminal: Terminal): void {
  if (json) {
    terminal.writeOut(`${JSON.stringify({ findings })}\n`);
    return;
  }
  const style = styler(terminal.outIsTerminal, terminal.environment);
  const marks = { ok: style("green", "ok     "), warning: style("yellow", "warning"), error: style("red", "error  ") };
  const indent = " ".repeat(22);
  for (const { subject, level, text, code, hint } of findings) {
    const aligned = text.replaceAll("\n", `\n${indent}`);
    terminal.writeOut(`${marks[level]} ${subject.padEnd(13)} ${aligned}${code === null ? "" : ` [${code}]`}\n`);
    if (hint) terminal.writeOut(`${hint.replace(/^/gm, indent)}\n`);
  }
}
