/** How much of everything one leg of the soak does. */
export interface SoakFigures {
  /** Decides the events, the order of the faults and which requests they hit. */
  readonly seed: number;
  /** At least so many are sent; a few more when faults are still to come by then. */
  readonly messages: number;
  readonly workers: number;
  /** Workers killed with SIGKILL at each of the points. */
  readonly killsAtEach: number;
  /** Connections cut around COMMIT, at each of its three points on the wire. */
  readonly cutsAtEachOfCommit: number;
  /** Connections cut at each of the points before COMMIT. */
  readonly cutsAtEachBefore: number;
  /** Of the database, in each of the two ways. */
  readonly restartsOfEach: number;
  readonly readOnlyFlips: number;
  readonly backendKills: number;
}

/** For `npm run test:slow`. */
export const SHORT_LEG: SoakFigures = {
  seed: 1,
  messages: 20_000,
  workers: 3,
  killsAtEach: 1,
  cutsAtEachOfCommit: 2,
  cutsAtEachBefore: 1,
  restartsOfEach: 1,
  readOnlyFlips: 1,
  backendKills: 1,
};
