import { SeededRandom } from "../support/seeded-random.ts";
import { Chronicle } from "./chronicle.ts";
import { FaultPlan } from "./fault-plan.ts";
import type { MessageKind, Scenario } from "./scenario.ts";
import { SimClock } from "./sim-clock.ts";

/** A message as the producer knows it. */
export interface SentMessage {
  readonly id: string;
  readonly kind: MessageKind;
  readonly body: string;
  /** null in a standard queue. */
  readonly groupId: string | null;
  readonly sentAtMs: number;
}

/** What all parts of a simulation share. */
export class World {
  readonly scenario: Scenario;
  readonly random: SeededRandom;
  readonly clock: SimClock;
  readonly chronicle: Chronicle;
  readonly plan: FaultPlan;
  /** In the order of sending. */
  readonly sent = new Map<string, SentMessage>();

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.random = new SeededRandom(scenario.seed);
    this.clock = new SimClock(this.random);
    this.chronicle = new Chronicle(this.clock);
    this.plan = new FaultPlan(scenario.faults, this.chronicle);
  }

  /** One way over the network, or a short piece of work of a server. */
  travel(): Promise<void> {
    return this.clock.sleep(1 + this.random.below(30));
  }
}
