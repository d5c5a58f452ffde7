import type { Redrive } from "../app/open-redrive.ts";
import type { Rejection } from "../pipeline/contracts.ts";
import { counted, differingOf } from "./output.ts";

/** What a redrive came to: filled while it works, so that one that fails tells what it did. */
export interface RedriveOutcome {
  readonly dryRun: boolean;
  /** null: nothing was begun. */
  begun: Pick<Redrive, "from" | "source" | "isAws" | "totals" | "leftAlone"> | null;
  elapsedMs: number;
  /** The quarantine took no more. */
  isQuarantineFull: boolean;
  readonly refusals: Map<string, { readonly rejection: Rejection; count: number }>;
}

export function newRedriveOutcome(dryRun: boolean): RedriveOutcome {
  return { dryRun, begun: null, elapsedMs: 0, isQuarantineFull: false, refusals: new Map() };
}

export function addRefusal({ refusals }: RedriveOutcome, { code, path }: Rejection): void {
  const key = `${code} ${path ?? ""}`;
  const known = refusals.get(key);
  if (known) known.count += 1;
  else refusals.set(key, { rejection: { code, path }, count: 1 });
}

const NOTHING = {
  totals: { received: 0, stored: 0, skipped: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 },
  leftAlone: { foreign: 0, unmarked: 0, unseen: 0, hidden: 0 },
};

export function redriveJson({ dryRun, begun, elapsedMs, refusals }: RedriveOutcome): object {
  const { received, stored, skipped, duplicate, quarantined, left, deleted } = (begun ?? NOTHING).totals;
  return {
    dryRun,
    ...(begun && { from: begun.from, queue: begun.source }),
    received,
    ...(dryRun
      ? { wouldStore: stored, duplicate, wouldQuarantine: quarantined }
      : { stored, skipped, duplicate, quarantined }),
    left,
    ...(begun ?? NOTHING).leftAlone,
    deleted,
    refusals: [...refusals.values()].map(({ rejection, count }) => ({ ...rejection, count })),
    elapsedMs: Math.round(elapsedMs),
  };
}

export function redriveSummary(outcome: RedriveOutcome): string {
  const { dryRun, begun, refusals } = outcome;
  const { totals, leftAlone } = begun ?? NOTHING;
  const { received, skipped, quarantined, left } = totals;
  const { foreign, unmarked, unseen, hidden } = leftAlone;
  const lines = [firstLine(outcome)];
  for (const { rejection, count } of refusals.values()) {
    lines.push(`  ${count} × ${rejection.code}${rejection.path === null ? "" : ` at ${rejection.path}`}`);
  }
  if (skipped > 0) lines.push(`kept out of the table by its own triggers or rules, and deleted: ${skipped}`);
  if (left > 0)
    lines.push(
      `refused, and left in the dead-letter queue ${outcome.isQuarantineFull ? "as the quarantine is full" : "for want of a sealing key"}: ${left}`,
    );
  if (foreign > 0) lines.push(`left alone, as another queue's: ${foreign}`);
  if (unmarked > 0) {
    lines.push(`left alone, as they do not say which queue they come from: ${unmarked}; --from takes them too`);
    if (begun?.isAws === false) {
      lines.push(`  servers other than AWS's may never say so: \`piipe redrive --from ${begun.from}\``);
    }
  }
  if (unseen > 0) lines.push(`not seen, as they are behind others of their group: about ${unseen}`);
  if (hidden > 0) lines.push(`not given back, and visible again after the visibility timeout: ${hidden}`);
  if (dryRun && received + foreign + unmarked > 0)
    lines.push("nothing was written or deleted; each message was received once more");
  if (!dryRun && quarantined > 0) lines.push("`piipe quarantine list` shows what was quarantined, and why.");
  return `${lines.join("\n")}\n`;
}

function firstLine({ dryRun, begun }: RedriveOutcome): string {
  const { totals, leftAlone } = begun ?? NOTHING;
  const { received, stored, duplicate, quarantined, deleted } = totals;
  const found = leftAlone.foreign + leftAlone.unmarked;
  if (received === 0 && found > 0) return `${counted(found, "message")} found, none taken:`;
  const messages = counted(received, "message");
  return dryRun
    ? `${messages}: ${stored} would be stored, ${duplicate} already there, ${quarantined} would be quarantined`
    : `${messages}: stored ${stored}, already there ${duplicate}${differingOf(totals)}, quarantined ${quarantined}, deleted ${deleted}`;
}
