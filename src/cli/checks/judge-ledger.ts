import { utcDay } from "../../postgres/utc-day.ts";
import { type Ledger, addDays } from "../../storage/ledger/ledger-maintenance.ts";
import { type Finding, ok, warning } from "./findings.ts";

/** Whether the days to come have partitions, or will get them. */
export function judgeLedger({ isPartitioned, partitions, mayMakePartitions, serverNowMs }: Ledger): Finding {
  if (!isPartitioned) return ok("ledger", "the ledger is one table, pruned row by row");
  if (mayMakePartitions)
    return ok("ledger", "the ledger is partitioned by day, and runs make the partitions of the days to come");
  const today = utcDay(serverNowMs);
  let next = today;
  while (partitions.has(next)) next = addDays(next, 1);
  if (next > addDays(today, 1)) {
    return ok(
      "ledger",
      `the ledger has partitions up to ${addDays(next, -1)}; this user may make none: run \`piipe migrate\` once a week`,
    );
  }
  return warning(
    "ledger",
    `the ledger has no partition for ${next}, and this user may make none: its claims go to the default partition, which grows`,
    "Run `piipe migrate` once a week as the owner of piipe's tables, or let the user that runs piipe own them.",
  );
}
