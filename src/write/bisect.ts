import type { MaskedRecord, Rejection, RejectionCode, WriteOutcome } from "../pipeline/contracts.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";

export interface BisectOptions {
  /** Names of the configured columns. */
  readonly declared: ReadonlySet<string>;
  /** Writes records in a transaction of their own: all of them, or it throws and none is written. */
  readonly write: (records: readonly MaskedRecord[]) => Promise<readonly WriteOutcome[]>;
  /** The same, but rolled back: whether the record would have been stored. Throws what `write` would throw. */
  readonly wouldStore: (record: MaskedRecord) => Promise<boolean>;
  /** The column whose type cannot read what the record has for it. Asked where the table may be at fault. Default: none. */
  readonly findUnreadable?: (record: MaskedRecord) => Promise<string | null>;
  /** A record that was stored before, under a new id: asked last for one that passes. */
  readonly witness?: MaskedRecord | null;
  /** A number in [0, 1): chooses which of very many rows are asked for one that passes. Default: chance. */
  readonly random?: () => number;
  /** So many refused rows end the search: the outcomes then end with the last of them. Default: no limit. */
  readonly rejectedMax?: number;
  /** Every refusal that may be a row's fault is: none need pass. Default: false. */
  readonly blamesRows?: boolean;
}

/** Before any row has passed: more refusals would not tell more of the table. */
const DOUBTED_MAX = 10;
/** Rows that are asked for one that passes, of those that the search has not come to: all that a run begins with. */
const SAMPLE_ROWS = 100;

/**
 * Writes what can be written, and finds the rows that PostgreSQL refuses by halving until each is alone. A half that
 * was committed is not touched again. One bad row in 1,000 costs about 21 transactions.
 *
 * Where PostgreSQL's refusal may be the table's fault as well, the other rows tell: one that passes, or gets as far as the
 * constraints, shows that the table takes rows.
 * @throws {DatabaseFailure} that refusal, when no row passes and the rows are not blamed anyway
 * @throws whatever `write` throws that is no row's fault
 */
export async function bisect(
  records: readonly MaskedRecord[],
  options: BisectOptions,
): Promise<readonly WriteOutcome[]> {
  const { declared, write, wouldStore, findUnreadable, witness, blamesRows = false } = options;
  const { rejectedMax = Number.POSITIVE_INFINITY, random = Math.random } = options;
  const outcomes: WriteOutcome[] = [];
  let rejected = 0;
  let hasPassed = false;
  /** Refused before any row has passed, by their place. */
  const doubted = new Map<number, DatabaseFailure>();

  const note = (outcome: WriteOutcome): void => {
    hasPassed ||= outcome.kind === "stored";
    outcomes.push(outcome);
  };
  const hasEnough = (): boolean => rejected >= rejectedMax || (!hasPassed && doubted.size >= DOUBTED_MAX);
  const search = async (part: readonly MaskedRecord[]): Promise<void> => {
    try {
      for (const outcome of await write(part)) note(outcome);
    } catch (error) {
      if (!isRowFault(error, declared)) throw error;
      const [record] = part;
      if (record !== undefined && part.length === 1) {
        const unreadable = isInDoubt(error, declared) ? ((await findUnreadable?.(record)) ?? null) : null;
        if (unreadable !== null) {
          rejected += 1;
          outcomes.push({ kind: "rejected", rejection: { code: "database.value", path: unreadable } });
          return;
        }
        if (!blamesRows && isInDoubt(error, declared)) {
          if (!hasPassed) doubted.set(outcomes.length, error);
        } else hasPassed ||= hasPassedTriggers(error);
        rejected += 1;
        outcomes.push({ kind: "rejected", rejection: rejectionOf(error, declared) });
        return;
      }
      const middle = part.length >> 1;
      await search(part.slice(0, middle));
      if (!hasEnough()) await search(part.slice(middle));
    }
  };

  await search(records);
  const [first] = doubted.values();
  if (first === undefined) return outcomes;
  if (!hasPassed) {
    const sample = [...sampleOf(records.slice(outcomes.length), random), ...(witness ? [witness] : [])];
    if (!(await somePasses(sample, declared, wouldStore))) throw first;
    hasPassed = true;
  }
  // What was refused before the table was known to take rows may have met another table than this one.
  for (const [place, record] of records.entries()) {
    if (!doubted.has(place)) continue;
    const [outcome] = await alone(record);
    if (outcome === undefined) continue;
    outcomes[place] = outcome;
    if (outcome.kind !== "rejected") rejected -= 1;
  }
  // Nothing may end the outcomes early but a refusal.
  if (!hasEnough() && outcomes.length < records.length) await search(records.slice(outcomes.length));
  return outcomes;

  async function alone(record: MaskedRecord): Promise<readonly WriteOutcome[]> {
    try {
      return await write([record]);
    } catch (error) {
      if (!isRowFault(error, declared)) throw error;
      return [{ kind: "rejected", rejection: rejectionOf(error, declared) }];
    }
  }
}

async function somePasses(
  records: readonly MaskedRecord[],
  declared: ReadonlySet<string>,
  wouldStore: BisectOptions["wouldStore"],
): Promise<boolean> {
  for (const record of records) {
    try {
      if (await wouldStore(record)) return true;
    } catch (error) {
      if (!isRowFault(error, declared)) throw error;
      if (!isInDoubt(error, declared) && hasPassedTriggers(error)) return true;
    }
  }
  return false;
}

/**
 * Constraints are looked at after the triggers, the policies and the choice of a partition, which let this row pass.
 * Whether too many rows are refused is judged by their share.
 */
function hasPassedTriggers({ facts }: DatabaseFailure): boolean {
  return facts?.code.startsWith("23") === true;
}

/**
 * The newest first: what was refused is asked again and again, and what has come since may be of another kind. The others by
 * chance, so that a row which passes is found in the end.
 */
function sampleOf(records: readonly MaskedRecord[], random: () => number): readonly MaskedRecord[] {
  const rest = [...records];
  const newest = rest.pop();
  if (newest === undefined) return [];
  const sample = [newest];
  while (sample.length < SAMPLE_ROWS && rest.length > 0) {
    sample.push(...rest.splice(Math.floor(random() * rest.length), 1));
  }
  return sample;
}

function isRowFault(error: unknown, declared: ReadonlySet<string>): error is DatabaseFailure {
  return error instanceof DatabaseFailure && (error.fate === "bisect" || isInDoubt(error, declared));
}

function isInDoubt(error: DatabaseFailure, declared: ReadonlySet<string>): boolean {
  return error.fate === "doubt" || isUnfilled(error, declared);
}

/** NOT NULL on a column that the configuration does not fill: it refuses every row, or those for which a trigger has no value. */
export function isUnfilled({ fate, facts }: DatabaseFailure, declared: ReadonlySet<string>): boolean {
  return fate === "bisect" && facts?.code === "23502" && facts.column !== null && !declared.has(facts.column);
}

function rejectionOf({ facts, refuser }: DatabaseFailure, declared: ReadonlySet<string>): Rejection {
  const column = facts?.column ?? null;
  const ofClass = REJECTION_OF_CLASS[facts?.code.slice(0, 2) ?? ""] ?? "database.row";
  return {
    code: refuser === null ? ofClass : (`database.${refuser}` as const),
    path: column !== null && declared.has(column) ? column : null,
  };
}

const REJECTION_OF_CLASS: Readonly<Record<string, RejectionCode>> = {
  "22": "database.value",
  "23": "database.constraint",
  "54": "database.limit",
};
