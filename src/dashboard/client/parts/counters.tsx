import type { WorkerStatus } from "../../../app/snapshot.ts";
import { REJECTION_CODES } from "../../../pipeline/contracts.ts";
import type { WorkerFigures } from "../../../telemetry/worker-figures.ts";
import { formatCount, formatExactly } from "../format.ts";
import { linkTo } from "../route.ts";

interface Counter {
  readonly label: string;
  readonly meaning: string;
  readonly of: (figures: WorkerFigures) => number;
  /** Shown once there are any. */
  readonly isRare?: true;
}

const COUNTERS: readonly Counter[] = [
  { label: "Received", meaning: "deliveries", of: ({ received }) => received },
  { label: "Redelivered", meaning: "came at least a second time", of: ({ redelivered }) => redelivered },
  { label: "Stored", meaning: "rows", of: ({ stored }) => stored },
  // A worker of an earlier version does not count these three.
  { label: "Skipped", meaning: "kept out by the table's triggers or rules", of: ({ skipped }) => skipped ?? 0 },
  { label: "Dropped", meaning: "no table takes them", of: ({ dropped }) => dropped ?? 0, isRare: true },
  { label: "Inserted", meaning: "rows by onConflict", of: ({ inserted }) => inserted ?? 0, isRare: true },
  { label: "Updated", meaning: "rows by onConflict", of: ({ updated }) => updated ?? 0, isRare: true },
  { label: "Ignored", meaning: "rows by onConflict", of: ({ ignored }) => ignored ?? 0, isRare: true },
  { label: "Duplicates", meaning: "known already, not stored again", of: ({ duplicate }) => duplicate },
  { label: "Quarantined", meaning: "refused and sealed", of: ({ quarantined }) => quarantined },
  { label: "Left", meaning: "refused with no key to seal with, or no room", of: ({ left }) => left },
  { label: "Deleted", meaning: "from the queue", of: ({ deleted }) => deleted },
  { label: "Unsettled", meaning: "could not be deleted: they come again", of: ({ unsettled }) => unsettled },
  { label: "Not hidden", meaning: "could not be kept hidden for longer", of: (all) => all.visibilityFailures ?? 0 },
  { label: "Corrupt", meaning: "bodies that do not match their digest", of: ({ corrupt }) => corrupt ?? 0 },
  { label: "Queue retries", meaning: "requests tried again", of: ({ queueRetries }) => queueRetries },
  { label: "Database retries", meaning: "writes tried again", of: ({ databaseRetries }) => databaseRetries },
  { label: "Suspected", meaning: "unmasked values that look personal", of: ({ suspected }) => suspected },
];

/** Sums of the workers that are known of. */
export function Counters({ workers }: { readonly workers: readonly WorkerStatus[] }) {
  const figures = workers.map((worker) => worker.figures);
  return (
    <div class="two-columns">
      <section class="card" aria-labelledby="counters">
        <h2 id="counters">Counts</h2>
        <p class="hint">Sums of the workers below, each since its start.</p>
        <dl class="counters">
          {COUNTERS.map(({ label, meaning, of, isRare }) => {
            const sum = figures.reduce((total, each) => total + of(each), 0);
            if (isRare && sum === 0) return null;
            return (
              <div key={label}>
                <dt>
                  {label} <span>{meaning}</span>
                </dt>
                <dd title={formatExactly(sum)}>{formatCount(sum)}</dd>
              </div>
            );
          })}
        </dl>
      </section>
      <section class="card" aria-labelledby="refused">
        <h2 id="refused">Refused, by reason</h2>
        <p class="hint">Events that were not stored, and why.</p>
        <Reasons figures={figures} />
      </section>
    </div>
  );
}

function Reasons({ figures }: { readonly figures: readonly WorkerFigures[] }) {
  const counts = new Map<string, number>();
  for (const { refused } of figures) {
    for (const [code, count] of Object.entries(refused)) counts.set(code, (counts.get(code) ?? 0) + count);
  }
  const highest = Math.max(...counts.values());
  if (counts.size === 0) return <p class="empty">Nothing was refused.</p>;
  return (
    <ul class="reasons">
      {[...counts]
        .toSorted(([, a], [, b]) => b - a)
        .map(([code, count]) => (
          <li key={code}>
            <a href={linkTo("quarantine", { code })}>{code}</a>
            <span title={formatExactly(count)}>{formatCount(count)}</span>
            <meter min={0} max={highest} value={count} aria-label={`${code}: share of the most frequent reason`} />
            <small>{meaningOf(code)}</small>
          </li>
        ))}
    </ul>
  );
}

/** Empty for a code of another version. */
export function meaningOf(code: string): string {
  const meanings: Readonly<Record<string, string>> = REJECTION_CODES;
  return meanings[code] ?? "";
}
