import type { Config } from "../config/config.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const beginningOf = ({ name }: Config): string => `load:${name}:`;

/** The source that the lines of a file come from, as the ledger and the quarantine know it. */
export const loadName = (config: Config, id: string): string => `${beginningOf(config)}${id}`;

export function isLoadOf(config: Config, source: string): boolean {
  const beginning = beginningOf(config);
  return source.startsWith(beginning) && UUID.test(source.slice(beginning.length));
}
