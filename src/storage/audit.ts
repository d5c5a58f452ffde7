import type { RunStatement } from "../postgres/transaction.ts";
import { type NeededRight, ownTable } from "./schema/require-rights.ts";

export type AuditAction = "reveal" | "lookup" | "erase" | "open" | "replay" | "discard" | "redrive";

/** What writing it needs: the other columns are the server's. */
export const AUDIT_RIGHT: NeededRight = {
  table: ownTable("audit"),
  right: "INSERT",
  columns: ["action", "operator", "reason", "details"],
};

/** One line of `piipe.audit`. */
export interface AuditEntry {
  readonly action: AuditAction;
  /** Who, as the operating system names user and host. */
  readonly operator: string;
  readonly reason: string | null;
  /** What it was about: names of columns, counts, tokens, ids. Never a raw value. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Call it before the act, in a transaction that is committed by then: what cannot be noted must not happen. */
export async function writeAudit(run: RunStatement, { action, operator, reason, details }: AuditEntry): Promise<void> {
  await run("INSERT INTO piipe.audit (action, operator, reason, details) VALUES ($1, $2, $3, $4::jsonb)", [
    action,
    operator,
    reason,
    JSON.stringify(details),
  ]);
}
