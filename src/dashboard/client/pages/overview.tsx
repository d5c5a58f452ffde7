import type { Snapshot } from "../../../app/snapshot.ts";
import { CHARTS } from "../charts.ts";
import { samples } from "../live.ts";
import { BigFigures } from "../parts/big-figures.tsx";
import { Chart } from "../parts/chart.tsx";
import { Counters } from "../parts/counters.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { StatusBanner } from "../parts/status-banner.tsx";
import { Workers } from "../parts/workers.tsx";
import { describeSpan } from "../samples.ts";

export function OverviewPage({ snapshot }: { readonly snapshot: Snapshot }) {
  const { workers } = snapshot;
  return (
    <>
      <StatusBanner snapshot={snapshot} />
      <BigFigures snapshot={snapshot} sample={samples.value.at(-1)} />
      <section aria-labelledby="charts">
        <h2 id="charts">
          The {describeSpan(samples.value)} <small>of this process's workers</small>
        </h2>
        <div class="charts">
          {CHARTS.map((spec) => (
            <Chart key={spec.title} spec={spec} samples={samples.value} />
          ))}
        </div>
      </section>
      {workers.ok ? (
        <>
          <Counters workers={workers.value} />
          <Workers workers={workers.value} />
        </>
      ) : (
        <section class="card" aria-labelledby="workers">
          <h2 id="workers">Workers</h2>
          <ProblemNote problem={workers.error} />
        </section>
      )}
    </>
  );
}
