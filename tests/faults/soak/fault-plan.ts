import { KILL_POINTS, type KillPoint } from "../../support/doomed-worker.ts";
import type { PostgresProxy, WirePoint } from "../../support/postgres-proxy.ts";
import type { RestartablePostgres } from "../../support/restartable-postgres.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";
import { until } from "../../support/until.ts";
import type { SoakFigures } from "./soak-figures.ts";
import type { WorkerFleet } from "./worker-fleet.ts";

/** One fault; `strike` resolves once it has happened. */
export interface PlannedFault {
  readonly name: string;
  strike(): Promise<void>;
}

export interface FaultTargets {
  readonly fleet: WorkerFleet;
  readonly proxy: PostgresProxy;
  readonly postgres: RestartablePostgres;
}

const BEFORE_COMMIT: readonly WirePoint[] = ["before BEGIN", "before the claim", "after the claim"];
const IN_COMMIT: readonly WirePoint[] = [
  "before COMMIT arrives",
  "before the reply to COMMIT",
  "after the reply to COMMIT",
];
/** A worker that has just been started first has to get at messages. */
const STRIKE_TIMEOUT_MS = 60_000;
/** SQLSTATE 25006, read_only_sql_transaction, as the log of a retried write has it. */
const READ_ONLY = '"25006"';

/** Every fault of a leg, in an order of chance. */
export function planFaults(figures: SoakFigures, targets: FaultTargets, random: SeededRandom): readonly PlannedFault[] {
  const { fleet, proxy, postgres } = targets;
  const times = (count: number, fault: PlannedFault): PlannedFault[] => Array.from({ length: count }, () => fault);
  const kill = (point: KillPoint): PlannedFault => ({ name: `kill ${point}`, strike: () => fleet.killAt(point) });
  const cut = (point: WirePoint): PlannedFault => ({
    name: `cut ${point}`,
    async strike() {
      const key = `cut ${point}`;
      const before = proxy.fired.get(key) ?? 0;
      proxy.arm({ point, effect: "cut" });
      await until(`a connection is cut ${point}`, () => (proxy.fired.get(key) ?? 0) > before, STRIKE_TIMEOUT_MS);
    },
  });
  const readOnly: PlannedFault = {
    name: "read-only flip",
    async strike() {
      const before = fleet.countPrinted(READ_ONLY);
      await postgres.setReadOnly(true);
      await until("a write meets it", () => fleet.countPrinted(READ_ONLY) > before, STRIKE_TIMEOUT_MS);
      await postgres.setReadOnly(false);
    },
  };
  const killBackends: PlannedFault = {
    name: "backend kill",
    async strike() {
      await until("a backend is killed", async () => (await postgres.killBackends()) > 0, STRIKE_TIMEOUT_MS);
    },
  };
  return random.shuffle([
    ...KILL_POINTS.flatMap((point) => times(figures.killsAtEach, kill(point))),
    ...IN_COMMIT.flatMap((point) => times(figures.cutsAtEachOfCommit, cut(point))),
    ...BEFORE_COMMIT.flatMap((point) => times(figures.cutsAtEachBefore, cut(point))),
    ...(["immediate", "fast"] as const).flatMap((mode) =>
      times(figures.restartsOfEach, { name: `restart ${mode}`, strike: () => postgres.restart(mode) }),
    ),
    ...times(figures.readOnlyFlips, readOnly),
    ...times(figures.backendKills, killBackends),
  ]);
}
