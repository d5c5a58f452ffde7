import { InvalidArgumentError } from "commander";

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
