import { createHash, randomUUID, type Hash } from "node:crypto";
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { BODY_BYTES_MAX } from "../decode/limits.ts";
import { PiipeError } from "../errors.ts";
import { fileDigests } from "../mask/file-digests.ts";
import type { Column, ValuePlace } from "../pipeline/contracts.ts";
import type { Totals } from "../pipeline/totals.ts";
import { placesOf } from "../pipeline/value-places.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { FileSource } from "../sources/file/file-source.ts";
import { malformed, readFileBytes, readInputBytes, surveyFile } from "../sources/file/load-file.ts";
import { beginLoad, noteLines } from "../storage/loads.ts";
import { retryDatabase } from "../storage/retry-database.ts";
import type { Emit } from "../telemetry/events.ts";
import { loadName } from "./load-name.ts";
import { onOwnPool, type Pipeline } from "./open-pipeline.ts";
import { openRun, type RunOptions } from "./open-run.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { requireLoadRights } from "./require-own-rights.ts";

export interface LoadOptions {
  /** The keyring's JSON, as `PIIPE_KEYS` holds it; undefined: only the configured file. */
  readonly keysJson: string | undefined;
  readonly process: NonNullable<RunOptions["process"]>;
  /** Whether files are among the inputs: stdin needs no more than a run does. */
  readonly hasFiles: boolean;
  readonly emit: Emit;
}

/** What is loaded: a file, or what a pipe brings. */
export type LoadInput =
  | { readonly kind: "file"; readonly path: string; readonly shown: string }
  | { readonly kind: "stdin"; readonly stdin: AsyncIterable<Uint8Array | string> };

/** Of one input. */
export interface LoadProgress {
  /** null: nobody knows, as of stdin. */
  readonly events: number | null;
  /** Events of it that were done before. */
  readonly alreadyLoaded: number;
}

export interface Load extends Pick<Pipeline, "close"> {
  /** Of all that was loaded. */
  readonly totals: Readonly<Totals>;
  /**
   * Loads one input to its end, or until `stop`; one at a time. All of it is then stored or quarantined, unless it was
   * stopped or events are left.
   * @param onBegun is called before the first event is taken
   * @throws {PiipeError} as a run does; what is done stays so, and is passed over the next time
   */
  readonly load: (
    input: LoadInput,
    signals: { readonly stop: AbortSignal; readonly abort: AbortSignal },
    onBegun: (progress: LoadProgress) => void,
  ) => Promise<LoadProgress>;
}

/**
 * Checks everything that a load needs of the keys and the database, once for all inputs. Asks no queue.
 * @throws {PiipeError} what is missing or wrong, before anything was touched
 */
export async function openLoad(config: Config, options: LoadOptions): Promise<Load> {
  requireLineValues(config);
  return onOwnPool(config, async (pool) => {
    const prepared = await prepare(config, pool, { ...options, isDryRun: false });
    if (options.hasFiles) await requireFileLoads(pool);
    const parts: Parts = { config, pool, prepared, process: options.process };
    return {
      totals: prepared.carried.totals,
      load: (input, signals, onBegun) =>
        input.kind === "file" ? loadFile(parts, input, signals, onBegun) : loadStdin(parts, input, signals, onBegun),
    };
  });
}

/** @throws {PiipeError} `database.refused`, `database.denied` */
async function requireFileLoads(pool: PostgresPool): Promise<void> {
  if (!(await pool.dialect()).isComplete) {
    throw new PiipeError(
      "database.refused",
      "the load of a file needs locks on tables and rows, which this server has not",
      {
        hint: "Send the events to the queue, or give them on stdin: `piipe load -` stores them once each time.",
      },
    );
  }
  await requireLoadRights(pool);
}

interface Parts {
  readonly config: Config;
  readonly pool: PostgresPool;
  readonly prepared: Prepared;
  readonly process: LoadOptions["process"];
}

type Signals = Parameters<Load["load"]>[1];

/** What a file's first byte may be taken for. Bodies that are arrays are lines; else an array is of events. */
const splitOptionsOf = ({ source }: Config) => ({ bytesMax: BODY_BYTES_MAX, hasArray: source.each?.from !== "." });

async function loadFile(
  { config, pool, prepared, process }: Parts,
  { path, shown }: Extract<LoadInput, { readonly kind: "file" }>,
  { stop, abort }: Signals,
  onBegun: (progress: LoadProgress) => void,
): Promise<LoadProgress> {
  const survey = await surveyFile(path, shown, splitOptionsOf(config), stop);
  const { keyring } = prepared.keys;
  const begun = await retryDatabase(
    () =>
      beginLoad(
        pool,
        {
          pipeline: config.name,
          source: loadName(config, randomUUID()),
          digests: fileDigests(survey.digest, keyring, config.keys.domain),
        },
        abort,
      ),
    { clock: systemClock, stop },
  );
  const { events } = survey;
  if (begun.isComplete) return { events, alreadyLoaded: events };
  const note = (linesDone: number, isComplete: boolean): Promise<void> =>
    retryDatabase(() => noteLines(pool, begun.source, { linesDone, isComplete }, abort), {
      clock: systemClock,
      stop: abort,
    });
  const hash = createHash("sha256");
  const source = new FileSource({
    ...splitOptionsOf(config),
    name: begun.source,
    input: hashed(readFileBytes(path, survey.bytes, shown), hash),
    idOf: idsOf(begun.source),
    sentAtMs: begun.begunAtMs,
    passOver: begun.linesDone,
    // What is not noted now is noted with the next ones.
    note: (linesDone, signal) =>
      noteLines(pool, begun.source, { linesDone, isComplete: false }, signal).catch(unlessBug),
    clock: systemClock,
  });
  const before = prepared.carried.totals.received;
  try {
    const run = await openRun(prepared, source, { process, untilEmpty: true, claim: "load" });
    onBegun({ events, alreadyLoaded: begun.linesDone });
    await run.run({ stop, abort });
    if (source.isDone && hash.digest("hex") !== survey.digest) throw changed(shown);
    await note(source.done, source.isDone);
  } catch (error) {
    await note(source.done, false).catch(unlessBug);
    throw error;
  } finally {
    await source.close();
  }
  const received = prepared.carried.totals.received - before;
  return { events, alreadyLoaded: source.isDone ? events - received : begun.linesDone };
}

/**
 * What comes through a pipe can be read once, so that nothing tells whether it came before. Within one load it is stored once,
 * by the ledger.
 */
async function loadStdin(
  { config, prepared, process }: Parts,
  { stdin }: Extract<LoadInput, { readonly kind: "stdin" }>,
  { stop, abort }: Signals,
  onBegun: (progress: LoadProgress) => void,
): Promise<LoadProgress> {
  const name = loadName(config, randomUUID());
  const source = new FileSource({
    ...splitOptionsOf(config),
    name,
    input: readInputBytes(stdin),
    idOf: idsOf(name),
    sentAtMs: systemClock.nowMs(),
    note: async () => {},
    clock: systemClock,
  });
  const before = prepared.carried.totals.received;
  try {
    const run = await openRun(prepared, source, { process, untilEmpty: true });
    onBegun({ events: null, alreadyLoaded: 0 });
    await run.run({ stop, abort });
  } finally {
    await source.close();
  }
  if (source.problem !== null) throw malformed("stdin", source.problem);
  const received = prepared.carried.totals.received - before;
  return { events: stop.aborted ? null : received, alreadyLoaded: 0 };
}

/** Known by the load alone: nothing of what the file holds can be guessed at with it. */
const idsOf = (source: string) => {
  const id = source.slice(source.lastIndexOf(":") + 1);
  return (number: number): string => `${id}:${number}`;
};

async function* hashed(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer, void> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

function unlessBug(error: unknown): void {
  if (!(error instanceof PiipeError)) throw error;
}

/** @throws {PiipeError} `config.invalid` when every line would be refused for what a message alone has */
function requireLineValues({ tables, dedupeBy, source }: Config): void {
  const isInLine = (place: ValuePlace): boolean =>
    place.kind === "field" ||
    (place.kind === "metadata" && place.name !== "group_id") ||
    (place.kind === "attribute" && source.unwrap.includes("sns"));
  const lacks = ({ origin }: Pick<Column, "origin">): boolean =>
    origin.kind !== "constant" && !placesOf(origin).some(isInLine);
  for (const { columns } of tables) {
    const column = columns.find(
      (candidate) =>
        lacks(candidate) &&
        !candidate.nullable &&
        candidate.fallback === undefined &&
        candidate.absent !== "default" &&
        candidate.mask !== "drop",
    );
    if (column !== undefined)
      throw notInLine(`column ${column.name}`, column.from, "Give it `nullable: true` or a `default`");
  }
  if (dedupeBy !== null && lacks(dedupeBy)) throw notInLine("dedupeBy", dedupeBy.from, "Name a field of the event");
}

const notInLine = (what: string, from: string, remedy: string): PiipeError =>
  new PiipeError("config.invalid", `${what} needs ${from}, which only a message of a queue has`, {
    hint: `A line of a file has neither a group nor attributes. ${remedy}, in a configuration for the load if need be.`,
  });

const changed = (shown: string): PiipeError =>
  new PiipeError("usage.invalid", `${shown} changed while it was loaded`, {
    hint: "Some of its lines are stored as they were, others as they are now. Compare the table with the file, and load files that nobody writes to.",
  });
