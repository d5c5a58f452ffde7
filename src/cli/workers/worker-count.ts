import { InvalidArgumentError } from "commander";
import { PiipeError } from "../../errors.ts";

/** Which of the workers a process is, and the connections to PostgreSQL that it may open. */
export interface WorkerPlace {
  readonly number: number;
  readonly connections: number;
}

/** Not secret, and of use in a list of processes: so it stands on the worker's command line. */
export const showPlace = ({ number, connections }: WorkerPlace): string => `${number}:${connections}`;

export function parsePlace(text: string): WorkerPlace {
  const [, number, connections] = /^([1-9]\d{0,2}):([1-9]\d{0,2})$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError("It is for piipe's own use: give --workers.");
  return { number: Number(number), connections: Number(connections) };
}

/** As given by `--workers`. */
export type WorkersWanted = number | "auto";

export const WORKERS_MAX = 64;

/**
 * How many workers to start: `auto` is one for each core, as far as the connections reach.
 * @throws {PiipeError} `usage.invalid` when there are fewer connections than workers
 */
export function countWorkers(wanted: WorkersWanted, connectionsMax: number, cores: number): number {
  if (wanted === "auto") return Math.min(cores, connectionsMax, WORKERS_MAX);
  if (wanted <= connectionsMax) return wanted;
  throw new PiipeError(
    "usage.invalid",
    `--workers ${wanted}: sink.postgres.maxConnections is ${connectionsMax}, and each worker needs a connection of its own`,
    { hint: `Set sink.postgres.maxConnections to ${wanted} or more, or start at most ${connectionsMax} workers.` },
  );
}

/** What is left for the workers beside the dashboard: it takes one, unless each worker needs one. It then is one more. */
export function connectionsBeside(connectionsMax: number, workers: number): number {
  return connectionsMax > workers ? connectionsMax - 1 : connectionsMax;
}

/** The connections of each worker: as even as can be, and all of them together no more than there are. */
export function shareConnections(connectionsMax: number, workers: number): readonly number[] {
  const share = Math.floor(connectionsMax / workers);
  const more = connectionsMax % workers;
  return Array.from({ length: workers }, (_, index) => (index < more ? share + 1 : share));
}
