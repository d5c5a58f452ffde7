import type { RowPath } from "../write/target-table.ts";

/** What the owner of the table has set and whoever runs piipe should know; with what is true, and what to do. */
export function pathRemarks({
  hooks,
  isReplica,
}: RowPath): readonly { readonly text: string; readonly remedy: string }[] {
  const remarks = hooks.map(({ kind, name, table, when }) => ({
    text: `the ${kind} ${name} of ${table} (${when}) ${when === "DO ALSO" ? ADDS : DECIDES}`,
    remedy: REMEDIES[when === "DO ALSO" ? "also" : kind],
  }));
  if (!isReplica) return remarks;
  const text =
    "session_replication_role is replica: foreign keys are not checked, and most triggers and rules do not fire";
  return [...remarks, { text, remedy: "Set it to origin for the user of sink.postgres.url, unless that is meant." }];
}

const ADDS = "runs statements of its own with each batch, in the same transaction";
const DECIDES =
  "decides what becomes of an inserted row: what is in no table then is counted as skipped, and its message is deleted";

const KEEPS =
  "See that it keeps out only what is not wanted. Where it puts rows into partitions, they count as stored.";
const FASTER = "A trigger instead of the rule writes faster: piipe needs fewer statements then.";
const REMEDIES = { trigger: KEEPS, rule: `${KEEPS} ${FASTER}`, also: FASTER } as const;
