import type { ActionReport, ActionRequest } from "../api.ts";
import { plural } from "./format.ts";

export const ACTION_KINDS = ["replay", "discard"] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

/** What a click asks for, before it is confirmed. */
export interface Action {
  readonly kind: ActionKind;
  readonly request: ActionRequest;
  readonly count: number;
  /** Which events, as a part of a sentence: `with reason field.type`. */
  readonly which: string;
}

/** The server takes no more at once. */
export const EVENTS_MAX = 10_000;

export const VERBS: Readonly<Record<ActionKind, string>> = { replay: "Replay", discard: "Discard" };

const EFFECTS: Readonly<Record<ActionKind, string>> = {
  replay:
    "Each goes through the configuration and the keys that run now. What is accepted is stored, once; what is refused again stays here.",
  discard:
    "What was sealed is deleted for good: it cannot be stored or read any more. The ids stay known as discarded.",
};

export function titleOf({ kind, count }: Action): string {
  return `${VERBS[kind]} ${plural(count, "event")}?`;
}

export function effectOf({ kind }: Action): string {
  return EFFECTS[kind];
}

/** What was done, a sentence each. */
export function describeReport(kind: ActionKind, report: ActionReport): readonly string[] {
  const { events, done, skipped, dropped = 0, duplicate, refused, unopened } = report;
  if (kind === "discard") return [`${done} of ${plural(events, "event")} discarded.`];
  return [
    `${done} of ${plural(events, "event")} stored.`,
    ...(skipped > 0 ? [`${skipped} kept out by a trigger or rule of the table.`] : []),
    ...(dropped > 0 ? [`${dropped} that no table takes.`] : []),
    ...(duplicate > 0 ? [`${duplicate} known already, and not stored again.`] : []),
    ...(refused > 0 ? [`${refused} refused again: the reason may be another now.`] : []),
    ...(unopened > 0 ? [`${unopened} not opened: they were sealed to another key than the one given.`] : []),
  ];
}
