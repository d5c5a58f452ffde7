import { randomUUID } from "node:crypto";
import { PiipeError } from "../errors.ts";
import type { Batch, BatchOutcome, MaskedRecord, RefusedEvent, Sink, WriteOutcome } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";
import type { PostgresFacts } from "../postgres/sqlstate.ts";
import {
  type RunStatement,
  TIMEOUTS,
  type TransactionOptions,
  inSavepoint,
  inTransaction,
} from "../postgres/transaction.ts";
import { businessValues, findDiffering } from "../storage/ledger/business-claim.ts";
import { CLAIMS, type Claim, type ClaimName, parseKeys, sourceIdOf, tableIdOf } from "../storage/ledger/claim.ts";
import { writeQuarantine } from "../storage/quarantine/quarantine-rows.ts";
import { hasOwnTables } from "../storage/schema/migrations.ts";
import { writeTokenRows } from "../storage/vault/token-rows.ts";
import { bisect, isUnfilled } from "./bisect.ts";
import { CountedStore } from "./counted-store.ts";
import { claimStatement, claimValues, insertStatement, insertValues, type WrittenTable } from "./insert.ts";
import { RefusedPlaces } from "./refused-place.ts";
import { compileFindUnreadable, type FindUnreadable, type Transact } from "./unreadable-column.ts";
import { declaredIn, firstOf, showTables, type WrittenTables } from "./written-tables.ts";

export interface PostgresSinkOptions {
  /** Stays the caller's. */
  readonly pool: PostgresPool;
  /** Read by `readTargetTable` and found fitting by `checkTable`. */
  readonly written: WrittenTables;
  /** The source's `name`: the same for every worker on the queue. */
  readonly sourceName: string;
  /**
   * `quarantine` for the replay of refused events: each is stored once, and only while it waits there. That none of a batch
   * passes is usual then, as all were refused before, and tells nothing of the table: the rows are blamed.
   */
  readonly claim: ClaimName;
  /**
   * So many refused records end a write early. 1 keeps order: nothing that follows a refused record is stored before it
   * is in the quarantine. Default: all are looked for.
   */
  readonly rejectedMax?: number;
  /**
   * Every write is rolled back, and its outcome is what it would have been. Rows of one write meet each other, and those of
   * two do not. Numbers that the table's sequences gave are not given again. Default: false.
   */
  readonly isTrial?: boolean;
  /** As in `Clock`. Default: chance. */
  readonly random?: () => number;
  /** Default: 30,000. */
  readonly statementTimeoutMs?: number;
}

/** What is deferred would come with the COMMIT. */
const CHECK_ALL_NOW = "SET CONSTRAINTS ALL IMMEDIATE";
/** So often a batch may run into the statement timeout before one of its rows may be what takes so long. */
const TIMEOUTS_BEFORE_SEARCH = 3;
/** Timeouts of a search before any row is stored: finding one of 1,000 rows takes fewer, a slow server more. */
const TIMEOUTS_OF_SEARCH_MAX = 15;

interface Search {
  /** Asked last for a row that passes. */
  readonly witness: MaskedRecord | null;
  /** A row may be what takes so long. */
  readonly suspectsRow: boolean;
  /** Is filled: of each record that was refused alone. */
  readonly failures: Map<MaskedRecord | undefined, PostgresFacts | null>;
}

const STORED: WriteOutcome = { kind: "stored" };
const DUPLICATE: WriteOutcome = { kind: "duplicate" };
const DIFFERING: WriteOutcome = { kind: "duplicate", differs: true };
const NO_KEYS: ReadonlySet<string> = new Set();
const QUARANTINED: WriteOutcome = { kind: "quarantined" };

/** Writes batches into PostgreSQL, each message exactly once: what the ledger has is not written again. */
export class PostgresSink implements Sink {
  readonly #pool: PostgresPool;
  readonly #source: { readonly id: string; readonly name: string };
  readonly #tables: readonly WrittenTable[];
  readonly #declared: ReadonlySet<string>;
  readonly #claim: Claim;
  /** null: nothing keeps a row out without an error, and one statement does it all. */
  readonly #counted: CountedStore | null;
  readonly #statement: string;
  readonly #dedupeStatement: string;
  readonly #tableId: string;
  readonly #doing: string;
  readonly #places: RefusedPlaces;
  readonly #findUnreadable: FindUnreadable;
  readonly #rejectedMax: number | undefined;
  readonly #blamesRows: boolean;
  readonly #isTrial: boolean;
  readonly #random: () => number;
  readonly #statementTimeoutMs: number | undefined;
  /** Of each batch that is being written: its timeouts, one after the other. */
  readonly #timeouts = new WeakMap<Batch, number>();
  #stored: MaskedRecord | null = null;

  constructor({ pool, written, sourceName, claim, rejectedMax, ...options }: PostgresSinkOptions) {
    this.#pool = pool;
    this.#rejectedMax = rejectedMax;
    this.#blamesRows = claim === "quarantine";
    this.#isTrial = options.isTrial ?? false;
    this.#random = options.random ?? Math.random;
    this.#statementTimeoutMs = options.statementTimeoutMs;
    this.#source = { id: sourceIdOf(sourceName), name: sourceName };
    const { tables, order } = written;
    this.#tables = tables;
    this.#declared = declaredIn(written);
    this.#claim = CLAIMS[claim];
    const hasHooks = tables.some(({ table }) => table.path.hooks.length > 0);
    this.#counted = hasHooks ? new CountedStore(tables, order) : null;
    const statementFor = (way: { readonly dedupes: boolean }): string =>
      this.#counted === null ? insertStatement(tables, this.#claim, way) : claimStatement(this.#claim, way);
    this.#statement = statementFor({ dedupes: false });
    this.#dedupeStatement = statementFor({ dedupes: true });
    this.#tableId = tableIdOf(firstOf(written));
    this.#findUnreadable = compileFindUnreadable(tables);
    this.#places = new RefusedPlaces(
      pool,
      tables.map(({ table }) => table.name),
      this.#declared,
    );
    this.#doing = `writing to ${showTables(written)}`;
  }

  async write(batch: Batch, abort: AbortSignal, { earlierTell } = { earlierTell: false }): Promise<BatchOutcome> {
    const timeouts = this.#timeouts.get(batch) ?? 0;
    const suspectsRow = timeouts >= TIMEOUTS_BEFORE_SEARCH;
    const search: Search = { witness: earlierTell ? this.#witness() : null, suspectsRow, failures: new Map() };
    const write = (transact: Transact): Promise<BatchOutcome> =>
      batch.records.length === 0 ? this.#writeOnce([], batch.refused, transact) : this.#bisect(batch, transact, search);
    try {
      const outcome = await (this.#isTrial ? this.#try(write, abort) : write(this.#committing(abort)));
      // When no transaction is open: the pool may have one connection.
      return search.failures.size === 0 ? outcome : await this.#placed(batch, outcome, search, abort);
    } catch (error) {
      if (isTimeout(error)) this.#timeouts.set(batch, suspectsRow ? 0 : timeouts + 1);
      throw await this.#explain(error, abort);
    }
  }

  #committing(abort: AbortSignal): Transact {
    return (work) => inTransaction(this.#pool, this.#transactionOptions(abort), work);
  }

  /** Runs a write to its end and rolls it back: its transactions are parts of one. */
  #try(write: (transact: Transact) => Promise<BatchOutcome>, abort: AbortSignal): Promise<BatchOutcome> {
    const { lockTimeoutMs } = TIMEOUTS.besideOthers;
    const options: TransactionOptions = { ...this.#transactionOptions(abort), lockTimeoutMs, rollsBack: true };
    return inTransaction(this.#pool, options, async (run) => {
      await run(CHECK_ALL_NOW);
      return write((work) => inSavepoint(run, () => work(run)));
    });
  }

  #transactionOptions(abort: AbortSignal): TransactionOptions {
    return {
      doing: this.#doing,
      statementTimeoutMs: this.#statementTimeoutMs,
      writesTarget: true,
      abort,
    };
  }

  /** The refused events go with the first records that can be written: with those that follow them, or before. */
  async #bisect(
    { records, refused }: Batch,
    transact: Transact,
    { witness, suspectsRow, failures }: Search,
  ): Promise<BatchOutcome> {
    let ofRefused: readonly WriteOutcome[] = [];
    let skipped = 0;
    let dropped = 0;
    let hasEarlierTold = false;
    let hasStored = false;
    let timeouts = 0;
    const outcomes = await bisect(records, {
      declared: this.#declared,
      write: async (part) => {
        const isWithRefused = ofRefused.length < refused.length;
        const written = await this.#writeOnce(part, isWithRefused ? refused : [], transact).catch((error: unknown) => {
          if (part.length === 1 && error instanceof DatabaseFailure) failures.set(part[0], error.facts);
          if (!suspectsRow || !isTimeout(error)) throw error;
          timeouts += 1;
          throw hasStored || timeouts <= TIMEOUTS_OF_SEARCH_MAX ? error.doubtingRows() : error;
        });
        if (isWithRefused) ofRefused = written.refused;
        skipped += written.skipped ?? 0;
        dropped += written.dropped ?? 0;
        const stored = written.records.findLastIndex(({ kind }) => kind === "stored");
        this.#stored = part[stored] ?? this.#stored;
        hasStored ||= stored !== -1;
        return written.records;
      },
      wouldStore: async (record) => {
        const passes = await this.#wouldStore(record, transact);
        hasEarlierTold ||= passes && record === witness;
        return passes;
      },
      findUnreadable: (record) => this.#findUnreadable(record, transact),
      witness,
      blamesRows: this.#blamesRows,
      random: this.#random,
      ...(this.#rejectedMax === undefined ? {} : { rejectedMax: this.#rejectedMax }),
    });
    return {
      records: outcomes,
      refused: ofRefused,
      ...(skipped > 0 && { skipped }),
      ...(dropped > 0 && { dropped }),
      ...(hasEarlierTold ? { earlierTold: true } : {}),
    };
  }

  /** With the constraints that refused rows. */
  async #placed(
    { records }: Batch,
    outcome: BatchOutcome,
    { failures }: Search,
    abort: AbortSignal,
  ): Promise<BatchOutcome> {
    const placed: WriteOutcome[] = [];
    for (const [index, ofRecord] of outcome.records.entries()) {
      placed.push(await this.#placedOne(ofRecord, failures.get(records[index]) ?? null, abort));
    }
    return { ...outcome, records: placed };
  }

  /** What others of the batch have come to stands, so a failure is none. */
  async #placedOne(outcome: WriteOutcome, facts: PostgresFacts | null, abort: AbortSignal): Promise<WriteOutcome> {
    if (outcome.kind !== "rejected" || facts === null) return outcome;
    try {
      const path = (await this.#places.placeOf(facts, abort)) ?? outcome.rejection.path;
      return { kind: "rejected", rejection: { ...outcome.rejection, path } };
    } catch (error) {
      if (error instanceof PiipeError) return outcome;
      throw error;
    }
  }

  /** The last stored record as a message that nobody has sent: no claim, and no business id, is in its way. */
  #witness(): MaskedRecord | null {
    return this.#stored && { ...this.#stored, id: randomUUID(), businessKeys: [], leakedBusinessKeys: [] };
  }

  async #wouldStore(record: MaskedRecord, transact: Transact): Promise<boolean> {
    let wouldStore = false;
    try {
      await this.#writeOnce([record], [], transact, async (run, claimed) => {
        await run(CHECK_ALL_NOW);
        wouldStore = claimed.size > 0;
        throw new RolledBack();
      });
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
    }
    return wouldStore;
  }

  /** @param last is run at the end; what it throws rolls back */
  async #writeOnce(
    records: readonly MaskedRecord[],
    refused: readonly RefusedEvent[],
    transact: Transact,
    last: (run: RunStatement, claimed: ReadonlySet<string>) => Promise<void> = () => Promise.resolve(),
  ): Promise<BatchOutcome> {
    if (records.length + refused.length === 0) return { records: [], refused: [] };
    const keys: string[] = [];
    const { keyOf } = this.#claim;
    for (const { id } of records) keys.push(keyOf(id));
    for (const { id } of refused) keys.push(keyOf(id));
    const values: string[] =
      this.#counted === null
        ? insertValues(this.#tables, records, refused, keys, this.#source.id)
        : claimValues(records, refused, keys, this.#source.id);
    const dedupes = records.some(({ businessKeys }) => businessKeys.length > 0);
    if (dedupes) values.push(...businessValues(records, keys, this.#tableId));
    const { claimed, skipped, dropped, differing } = await transact(async (run) => {
      const { rows } = await run(dedupes ? this.#dedupeStatement : this.#statement, values);
      const claims = parseKeys(rows[0]?.["claimed"]);
      const news = records.filter((_, index) => claims.has(keys[index] ?? ""));
      const kept = this.#counted === null ? 0 : await this.#counted.store(run, news);
      // Where a transaction may change so many rows only, fewer records are tried.
      const canHalve = records.length > 1;
      const different = await blamingNoRow(canHalve, async () => {
        // Only for what is stored now: a message that comes again must not bring back what was erased.
        if (news.length > kept) await writeTokenRows(run, news);
        if (refused.length > 0) {
          const isClaimed = refused.map((_, index) => claims.has(keys[records.length + index] ?? ""));
          await writeQuarantine(
            run,
            this.#source,
            refused.filter((_, index) => isClaimed[index]),
            refused.filter((_, index) => !isClaimed[index]),
          );
        }
        if (!dedupes) return NO_KEYS;
        const repeated = parseKeys(rows[0]?.["repeated"]);
        const isRepeated = (_: unknown, index: number): boolean => repeated.has(keys[index] ?? "");
        const again = records.filter(isRepeated);
        const keysAgain = keys.slice(0, records.length).filter(isRepeated);
        return findDiffering(run, this.#claim, again, keysAgain, this.#tableId);
      });
      await last(run, claims);
      return { claimed: claims, skipped: kept, dropped: countDropped(news), differing: different };
    });
    const outcomes = keys.map((key, index) => {
      if (!claimed.has(key)) return differing.has(key) ? DIFFERING : DUPLICATE;
      return index < records.length ? STORED : QUARANTINED;
    });
    return {
      records: outcomes.slice(0, records.length),
      refused: outcomes.slice(records.length),
      ...(skipped > 0 && { skipped }),
      ...(dropped > 0 && { dropped }),
    };
  }

  /** PostgreSQL does not say in a field which table is missing: find out whether it is one of piipe's own. */
  async #explain(error: unknown, abort: AbortSignal): Promise<unknown> {
    if (!(error instanceof DatabaseFailure)) return error;
    const sqlState = error.facts?.code;
    if (isUnfilled(error, this.#declared)) return unfilledColumn(error);
    if (sqlState !== "42P01" && sqlState !== "3F000") return error;
    try {
      if (await hasOwnTables(this.#pool, this.#doing, abort)) return error;
    } catch {
      return error;
    }
    return new PiipeError("database.not-migrated", "piipe's own tables do not exist in the database", {
      hint: "Run `piipe migrate`.",
      sqlState,
    });
  }
}

const countDropped = (records: readonly MaskedRecord[]): number =>
  records.reduce((count, { rows }) => count + (rows.length === 0 ? 1 : 0), 0);

function isTimeout(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && error.facts?.code === "57014" && error.fate === "retry";
}

function unfilledColumn({ shown }: DatabaseFailure): PiipeError {
  const column = shown?.column ?? null;
  return new PiipeError(
    "database.table-mismatch",
    `${column === null ? "a column" : `column ${column}`} is NOT NULL, and the configuration does not fill it (SQLSTATE 23502)`,
    {
      hint: `Add ${column ?? "it"} to the columns of the configuration, or give it a default.`,
      sqlState: "23502",
      mayBeData: true,
    },
  );
}

const PROGRAM_LIMIT_EXCEEDED = "54000";

/** For what is written into piipe's own tables: what refuses that is nothing of the rows of a batch. */
async function blamingNoRow<T>(canHalve: boolean, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (canHalve && error instanceof DatabaseFailure && error.sqlState === PROGRAM_LIMIT_EXCEEDED) throw error;
    throw error instanceof DatabaseFailure ? error.blamingNoRow() : error;
  }
}

/** Ends a transaction that is not to be committed. */
class RolledBack extends Error {}
