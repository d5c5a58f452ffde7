import type { Chronicle } from "./chronicle.ts";

const ANY_CALL = [
  "unavailable",
  "late arrival",
  "lost reply",
  "hang",
  "late reply",
  "denied",
  "crash before",
  "crash after",
] as const;
const ANY_BATCH = ["failed entries", "refused entries", "unanswered entries", "done but failed entries"] as const;

/** The steps that a fault can strike, and what can strike there. Each of them must fire in the runs of `npm run test:slow`. */
export const FAULTS = {
  receive: [...ANY_CALL, "corrupt body", "malformed message", "empty", "duplicate", "resurrection"],
  delete: [...ANY_CALL, ...ANY_BATCH],
  "change of visibility": [...ANY_CALL, ...ANY_BATCH],
  depth: ["unavailable", "denied", "hang"],
  /** A transaction before its first statement. */
  begin: ["unreachable", "hang", "outage", "halt", "crash before"],
  /** A transaction that holds its claims. */
  claim: ["cut", "deadlock", "half-open", "slow", "crash after"],
  commit: [
    "rolled back",
    "cut before arrival",
    "lost reply",
    "in doubt",
    "slow",
    "crash before",
    "crash during",
    "crash after",
  ],
} as const;

export type Step = keyof typeof FAULTS;
export type FaultKind<S extends Step = Step> = (typeof FAULTS)[S][number];

export interface PlannedFault {
  readonly step: Step;
  readonly kind: FaultKind;
  /** Strikes when the step is passed for this time, counted over all workers, or the next time that it can. 1 is the first. */
  readonly passing: number;
  /** How long it lasts; for a crash: how long the worker stays away. */
  readonly lastsMs: number;
}

export const FAULT_NAMES: readonly string[] = Object.entries(FAULTS).flatMap(([step, kinds]) =>
  kinds.map((kind) => `${kind} at ${step}`),
);

/** Tells at each passing of a step what strikes there. */
export class FaultPlan {
  readonly #ahead: Set<PlannedFault>;
  readonly #chronicle: Chronicle;
  readonly #passings = new Map<Step, number>();

  constructor(faults: readonly PlannedFault[], chronicle: Chronicle) {
    this.#ahead = new Set(faults);
    this.#chronicle = chronicle;
  }

  /** What strikes here if it finds something to strike: else it waits for the next passing. */
  pass(step: Step): PlannedFault | null {
    const passing = (this.#passings.get(step) ?? 0) + 1;
    this.#passings.set(step, passing);
    for (const fault of this.#ahead) if (fault.step === step && fault.passing <= passing) return fault;
    return null;
  }

  /** To be called when the fault takes effect. */
  fire(who: string, fault: PlannedFault): void {
    this.#ahead.delete(fault);
    this.#chronicle.happened(who, `${fault.kind} at ${fault.step}`);
  }
}
