import { utcDay } from "../../postgres/utc-day.ts";

const MS_PER_DAY = 86_400_000;

export function addDays(day: string, days: number): string {
  return utcDay(Date.parse(day) + days * MS_PER_DAY);
}

/** `piipe.ledger_20260131`. */
export function partitionOf(day: string): string {
  return `piipe.ledger_${day.replaceAll("-", "")}`;
}

/** The day of a partition's name without schema; null for the default partition. */
export function partitionDay(name: string): string | null {
  const match = /^ledger_(\d{4})(\d{2})(\d{2})$/.exec(name);
  return match === null ? null : `${match[1]}-${match[2]}-${match[3]}`;
}
