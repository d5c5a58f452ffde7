import { SeededRandom } from "../seeded-random.ts";

export const SQS_FAULT_KINDS = [
  "error 500",
  "throttle",
  "duplicate, same handle",
  "duplicate, new handle",
  "reorder",
  "hang",
  "truncated reply",
  "bad MD5",
  "clock skew",
  "expired token",
  "over limit",
  "failed delete entry",
  "mangled batch reply",
] as const;
export type SqsFaultKind = (typeof SQS_FAULT_KINDS)[number];

/** Decides which fault strikes when, repeatably by its seed, and counts. */
export class FaultDice {
  readonly random: SeededRandom;
  /** The share of what a kind can hit that it does hit, 0 to 1. May be changed at any time. */
  readonly rates: Record<SqsFaultKind, number>;
  readonly fired = new Map<SqsFaultKind, number>(SQS_FAULT_KINDS.map((kind) => [kind, 0]));

  constructor(seed: number, rates: Readonly<Partial<Record<SqsFaultKind, number>>>) {
    this.random = new SeededRandom(seed);
    this.rates = Object.fromEntries(SQS_FAULT_KINDS.map((kind) => [kind, rates[kind] ?? 0])) as typeof this.rates;
  }

  strikes(kind: SqsFaultKind): boolean {
    if (!this.falls(kind)) return false;
    this.count(kind);
    return true;
  }

  /** As `strikes`, for a fault that is counted only when it is carried out. */
  falls(kind: SqsFaultKind): boolean {
    const rate = this.rates[kind];
    return rate > 0 && this.random.chance(rate);
  }

  count(kind: SqsFaultKind): void {
    this.fired.set(kind, (this.fired.get(kind) ?? 0) + 1);
  }
}
